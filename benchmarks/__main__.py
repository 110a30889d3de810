"""Everything that is claimed of speed, measured: `python -m benchmarks [W2 G1 memory ...] [--rounds N]`.

Each peer runs in a process of its own, on as many processors as it may have threads, and the processes take turns of a
third of a second; medians over the rounds, and the ratio pair by pair, so that a comparison holds when the machine's speed drifts. Names are those of
rows, or one of the sections layers, memory, start and scaling.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import baseline, layers, report, scaling, start, step_memory
from benchmarks.ceilings import OPERATIONS
from benchmarks.compare import judge, run_module, time_row
from benchmarks.machine import describe_machine, describe_threads, describe_versions, now
from benchmarks.roofline import Ceilings, place
from benchmarks.rows import ROWS, Row
from benchmarks.workloads import WORKLOADS

SECTIONS = ("layers", "memory", "start", "scaling")


def note(text: str) -> None:
    """Where the work stands: on stderr, so that stdout holds the results alone."""
    print(text, file=sys.stderr, flush=True)


def measure_row(row: Row, rounds: int, seconds: float) -> dict[str, Any]:
    """A row with its place below the ceilings, and its marks."""
    found = time_row(row, rounds, seconds, lambda peer: note(f"{row.name}: {peer}"))
    shares = found.pop("products_each", [])
    memory = run_module("benchmarks.ceilings") if shares else {}
    if "bandwidth" in memory:
        milliseconds = found["peers"][row.ours]["milliseconds"]
        # One product is so large a part of our step, in the median of the rounds: that tells the peak of those moments.
        peak = OPERATIONS / (1e-3 * milliseconds * statistics.median(shares))
        ceilings = Ceilings(peak, memory["bandwidth"])
        found["roofline"] = place(WORKLOADS[row.task], milliseconds, ceilings) | ceilings._asdict()
    return found | {"marks": judge(row, found)}


def main() -> None:
    """Print the table, and write all of it as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*ROWS, *SECTIONS]
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each peer is timed in a round")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the JSON goes")
    parser.add_argument(
        "--picture", type=Path, default=Path("scaling.png"), help="where the picture of scaling goes"
    )
    parser.add_argument("--baseline", type=Path, help="the JSON of an earlier measurement to compare with")
    parser.add_argument("--save-baseline", type=Path, help="where to write this measurement once more")
    options = parser.parse_args()
    chosen = options.names or names
    # Read before anything is measured: a name mistyped should not cost a quarter of an hour.
    before = json.loads(options.baseline.read_text(encoding="utf-8")) if options.baseline else None

    console = report.make_console()
    found: dict[str, Any] = {
        "date": now(),
        "machine": describe_machine(),
        "versions": describe_versions(),
        "threads": describe_threads(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rows": [],
    }
    files = [path for path in (options.out, options.save_baseline) if path]
    for name in (name for name in ROWS if name in chosen):
        found["rows"].append(measure_row(ROWS[name], options.rounds, options.seconds))
        write(found, files)  # whatever stops the rest, what is measured stays
    for table in report.tables(found):
        console.print(table)
    for section in (name for name in SECTIONS if name in chosen):
        note(section)
        found[section], lines = measure_section(section, options.picture)
        console.print(lines, markup=False)
    if before:
        found["baseline"] = baseline.compare_rows(found["rows"], before["rows"])
        console.print("\n".join(report.baseline_lines(found["baseline"])), markup=False)
    console.print(report.marks_line(found["rows"], found.get("layers"), found.get("start")), markup=False)
    write(found, files)
    console.print(f"Everything measured is in {' and '.join(map(str, files))}", markup=False)


def measure_section(name: str, picture: Path) -> tuple[Any, str]:
    """What stands below the rows: its numbers and its lines."""
    if name == "layers":
        pairs = layers.measure(note)
        return pairs, "\n".join(layers.lines(pairs))
    if name == "memory":
        rows = step_memory.measure(list(WORKLOADS))
        return rows, "\n".join(report.memory_lines(rows))
    if name == "start":
        times = start.measure()
        return times, "\n".join(report.start_lines(times))
    curves = scaling.measure(note)
    scaling.draw_picture(curves, picture)
    return curves, scaling.show(curves)


def write(found: dict[str, Any], files: list[Path]) -> None:
    """All of it as one JSON object."""
    for path in files:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
