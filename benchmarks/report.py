"""The measurements as one table and the sentences below it, readable in a terminal and in a log."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.rows import BEST, PEAK

LOG_WIDTH = 150  # where there is no terminal whose width could be asked for


def make_console() -> Console:
    """The terminal's own width, or one that leaves every cell on its line in a log."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=LOG_WIDTH)


def tables(found: dict[str, Any]) -> Iterator[str | Table]:
    """Where it was measured, then the tables that have a row."""
    machine = found["machine"]
    extensions = " ".join(machine["extensions"])
    yield f"{machine['processor']}, {machine['cores']} cores, {extensions}; Linux {machine['kernel']}"
    yield ", ".join(f"{package} {version or 'missing'}" for package, version in found["versions"].items())
    for table in (rows_table(found["rows"]), marks_table(found["rows"]), roofline_table(found["rows"])):
        if table.row_count:
            yield table
            yield ""


def rows_table(rows: list[dict[str, Any]]) -> Table:
    """A line for each peer of each row, ourselves first."""
    table = Table(title="Times as long as ours, paired round by round", title_justify="left", show_edge=False)
    table.add_column("row")
    table.add_column("who")
    table.add_column("time", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("from - to", justify="right")
    table.add_column("how", overflow="fold")
    for row in rows:
        for n, (peer, entry) in enumerate(row["peers"].items()):
            name = row["name"] if n == 0 else ""
            if "unavailable" in entry:
                table.add_row(name, peer, "-", "", "", escape(entry["unavailable"]))
            else:
                table.add_row(name, peer, time(row, entry), *ratio_cells(entry), escape(entry["settings"]))
        table.add_section()
    return table


def time(row: dict[str, Any], entry: dict[str, Any]) -> str:
    """Milliseconds; of a text tokens a second."""
    milliseconds = entry["milliseconds"]
    return f"{1e3 / milliseconds:,.0f} tok/s" if row["name"].startswith("G") else f"{milliseconds:.2f} ms"


def ratio_cells(entry: dict[str, Any]) -> tuple[str, str]:
    """A peer's ratio and its span; empty for ourselves."""
    if "ratio" not in entry:
        return "", ""
    low, high = min(entry["ratios"]), max(entry["ratios"])
    span = f"{low:.2f} - {high:.2f}"
    return f"{entry['ratio']:.2f}", span


def marks_table(rows: list[dict[str, Any]]) -> Table:
    """Each mark in plain words, and whether it is reached."""
    table = Table(title="Marks", title_justify="left", show_edge=False)
    for name in ("row", "must be", "is", "verdict"):
        table.add_column(name)
    for row in rows:
        for n, mark in enumerate(row["marks"]):
            table.add_row(row["name"] if n == 0 else "", *verdict(mark))
    return table


def verdict(mark: dict[str, Any]) -> tuple[str, str, str]:
    """What must be, what is, and how that is judged."""
    if mark["against"] == PEAK:
        wanted, found = f"{100 * mark['at_least']:.0f}% of the products' peak", "{:.0%}"
    else:
        who = f"the best peer ({mark['peer'] or 'none ran'})" if mark["against"] == BEST else mark["against"]
        wanted, found = f"{mark['at_least']:g} times as fast as {who}", "{:.2f}"
    if mark["reached"] is None:
        return wanted, "-", "cannot be told: one of the two did not run"
    return wanted, found.format(mark["found"]), "reached" if mark["reached"] else "NOT reached"


def roofline_table(rows: list[dict[str, Any]]) -> Table:
    """Where each training step stands below the machine's ceilings."""
    table = Table(title="Roofline of one thread, float32", title_justify="left", show_edge=False)
    columns = (
        "row",
        "products Mop",
        "pointwise M",
        "MB",
        "peak Gop/s",
        "GB/s",
        "products ms",
        "memory ms",
        "bound by",
    )
    for name in (*columns, "of attainable", "of peak"):
        table.add_column(name, justify="left" if name in ("row", "bound by") else "right")
    for row in rows:
        place = row.get("roofline")
        if place is None:
            continue
        table.add_row(
            row["name"],
            f"{place['operations'] / 1e6:.0f}",
            f"{place['pointwise'] / 1e6:.2f}",
            f"{place['bytes'] / 1e6:.1f}",
            f"{place['peak'] / 1e9:.0f}",
            f"{place['bandwidth'] / 1e9:.1f}",
            f"{place['compute_floor_ms']:.2f}",
            f"{place['memory_floor_ms']:.2f}",
            place["bound"],
            f"{place['share_of_attainable']:.0%}",
            f"{place['share_of_peak']:.0%}",
        )
    return table


def memory_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A step's memory, for each workload."""
    lines = ["Memory of a step, its peak beyond what the process held before:"]
    for row in rows:
        cells = [f"{peer} {'-' if mib is None else f'{mib:.1f} MiB'}" for peer, mib in row["mib"].items()]
        lines.append(f"  {row['name']:4}{'   '.join(cells)}")
    return lines


def start_lines(found: dict[str, Any]) -> list[str]:
    """A program's start, cold and warm."""
    lines = ["Start of `throughtime train --max-steps 1`:"]
    for kind, one in found.items():
        word = "reached" if one["reached"] else "NOT reached"
        lines.append(f"  {kind} {one['seconds']:.2f} s; MARK below {one['at_most']:g} s: {word}")
    return lines


def baseline_lines(found: list[dict[str, Any]]) -> list[str]:
    """Our ratios beside the saved ones; then the rows that fell behind."""
    lines = ["Beside the baseline, our ratio to each peer now over then:"]
    for row in found:
        cells = "   ".join(f"{peer} {change:.2f}" for peer, change in row["change"].items())
        lines.append(f"  {row['name']:11}{cells}")
    slower = [row["name"] for row in found if row["slower"]]
    lines.append(
        f"Slower beyond both measurements' scatter: {', '.join(slower)}"
        if slower
        else "No row is slower beyond both measurements' scatter."
    )
    return lines


def marks_line(
    rows: list[dict[str, Any]], layers: list[dict[str, Any]] | None, start: dict[str, Any] | None
) -> str:
    """How many marks are reached, and which are not."""
    judged = [
        (f"{row['name']} ({mark['at_least']:g} {mark['against']})", mark["reached"])
        for row in rows
        for mark in row["marks"]
    ]
    judged += [
        (f"layer {pair['kind']} H {pair['hidden']} batch {pair['batch']}", pair["reached"])
        for pair in layers or []
        if pair["at_least"] is not None
    ]
    judged += [(f"{kind} start", one["reached"]) for kind, one in (start or {}).items()]
    missed = [name for name, reached in judged if reached is False]
    untold = [name for name, reached in judged if reached is None]
    line = f"Marks: {sum(reached is True for _, reached in judged)} of {len(judged)} reached"
    line += f"; not reached: {', '.join(missed)}" if missed else ""
    return line + (f"; cannot be told: {', '.join(untold)}" if untold else "")
