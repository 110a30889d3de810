"""`throughtime study`: a grid of trials from a file."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from throughtime.cli.engine import RAY
from throughtime.cli.ranges import whole

if TYPE_CHECKING:
    from throughtime.study.plan import Study
    from throughtime.study.run import Found, Progress

# In a file or a pipe nothing is cut, however long the names are.
_WIDE = 1000


def study(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A study in TOML: settings, grid, methods.")],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where results go, and are found again: finished trials are never run twice.",
            show_default="studies/ and the file's name",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Trials at a time, each on one thread.", show_default="a core each", callback=whole(1)
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS|local", help=RAY, show_default="this machine's processes"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Run a study: trials over a grid of settings, side by side, each once.

    The file has a table [settings] for what all trials have in common, a table [grid] of lists, each varied with each other,
    and a table [[method]] with a name for each way of training. Settings are spelled as in throughtime task, or where a
    corpus is named, as in throughtime train. The results are a table, results.parquet, and a page, study.html.
    """
    from throughtime.study.page import PAGE, write_page
    from throughtime.study.plan import read_study
    from throughtime.study.table import TABLE, require_table, rows_of, write_table
    from throughtime.training.metrics import to_json

    require_table()  # before hours of work
    path = Path(file)
    planned = read_study(path)
    place = Path("studies", planned.name) if out is None else Path(out)
    found = _run(planned, place, jobs, ray, quiet)
    rows = rows_of(found)
    write_table(place / TABLE, rows)
    write_page(place / PAGE, planned, found)
    if as_json:
        made = {"out": str(place), "table": str(place / TABLE), "page": str(place / PAGE)}
        print(to_json({"study": planned.name, **made, "trials": rows}))
    else:
        _print(found)
        shown = shlex.quote(str(place))
        print(f"{len(found)} trials; {TABLE} and {PAGE} lie in {shown}.")


def _run(planned: "Study", place: Path, jobs: int | None, ray: str | None, quiet: bool) -> "list[Found]":
    """Run what has not been run yet.

    Raises
    ------
    LostError, Interrupted
        What ran a trial has died; after Ctrl-C or SIGTERM. Its text says how to go on.
    """
    from throughtime.cli.engine import engine
    from throughtime.errors import Interrupted, LostError
    from throughtime.study.display import display
    from throughtime.study.run import run_study

    done = 0
    try:
        with engine(jobs, ray) as runs, display(sys.stderr, quiet) as show:

            def watch(progress: "Progress") -> None:
                nonlocal done
                done = progress.done
                show(progress)

            try:
                return run_study(planned, place, runs, watch)
            except LostError as lost:
                raise LostError(
                    f"{lost} {done} of the trials have their results in {place}: go on with the same command."
                ) from lost
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"{str(stop) or 'interrupted'}; {done} of the trials have their results in {place}. Go on with the same command.",
            getattr(stop, "signal", 2),
        ) from None


def _print(found: "list[Found]") -> None:
    """The table, and what its numbers say."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from throughtime.study.readings import headings, readings, row
    from throughtime.study.summary import groups_of

    groups = groups_of(found)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    table = Table()
    for name in headings(groups):
        table.add_column(name, justify="left" if name in ("way", "on") else "right")
    for group in groups:
        table.add_row(*map(Text, row(group, groups)))
    console.print(table)
    for line in readings(groups):
        console.print(Text(line), soft_wrap=not console.is_terminal)
