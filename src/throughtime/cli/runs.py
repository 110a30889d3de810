"""`throughtime runs`: what runs there are."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from throughtime.cli.run_list import Listed

_COLUMNS = {"run": "left", "model": "left", "unit": "left", "steps": "right", "validation": "right"}
_COLUMNS |= {"when": "left", "state": "left"}


def runs(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="A directory of runs.")] = Path("runs"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """List the runs in a directory: what each is, how far it came, how good it is."""
    from throughtime.cli.run_list import list_runs
    from throughtime.training.metrics import to_json

    found = list_runs(directory)
    if as_json:
        records = [asdict(run) | {"when": run.when.isoformat()} for run in found]
        print(to_json({"directory": str(directory), "runs": records}))
    elif not found:
        print(f"No runs in {directory}.")
    elif sys.stdout.isatty():
        _print_table(found)
    else:
        _print_lines([list(_COLUMNS), *map(_row, found)])


def _row(run: "Listed") -> list[str]:
    """What the columns say of a run."""
    if run.val_loss is None:
        validation = "-"
    elif run.val_bits_per_char is None:
        validation = f"perplexity {run.val_perplexity:.4g}"
    else:
        validation = f"{run.val_bits_per_char:.3f} bits/char"
    steps = "-" if run.steps is None else f"{run.steps:,}"
    when = f"{run.when:%Y-%m-%d %H:%M}"
    return [run.name, run.model or "-", run.unit or "-", steps, validation, when, run.state]


def _print_table(found: list["Listed"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {"finished": "green", "running": "bold", "diverged": "red", "damaged": "red"}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in _COLUMNS.items():
        table.add_column(name, justify=justify, no_wrap=name != "state")  # type: ignore[arg-type]
    for run in found:
        *others, state = _row(run)
        word = state.split()[0].rstrip(":,")
        table.add_row(*map(Text, others), Text(state, styles.get(word, "yellow")))
    Console().print(table)


def _print_lines(rows: list[list[str]]) -> None:
    """Aligned text, for what is no terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        entries = [
            entry.rjust(width) if side == "right" else entry.ljust(width)
            for entry, width, side in zip(row, widths, _COLUMNS.values(), strict=True)
        ]
        print("  ".join(entries).rstrip())
