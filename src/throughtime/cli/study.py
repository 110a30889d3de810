"""`throughtime study`: a grid of trials from a file."""

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Annotated

import typer

from throughtime.cli.engine import RAY
from throughtime.cli.ranges import whole
from throughtime.cli.tables import table_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from throughtime.study.reports import Reports
    from throughtime.study.run import Found


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
    corpus is named, as in throughtime train, if they concern the model and its updates. The results are a table, results.parquet, and a page, study.html.
    """
    from throughtime.cli.engine import engine
    from throughtime.study.display import display
    from throughtime.study.plan import read_study
    from throughtime.study.reports import Reports
    from throughtime.study.run import Progress, run_study
    from throughtime.study.table import require_table, rows_of
    from throughtime.training.directory import require_place
    from throughtime.training.metrics import to_json

    require_table()  # before hours of work
    path = Path(file)
    planned = read_study(path)
    place = Path("studies", planned.name) if out is None else Path(out)
    require_place(place)
    reports = Reports(planned, place)
    again = ["study", str(path), "--out", str(place), *_typed("--jobs", jobs), *_typed("--ray", ray)]
    with (
        _whatever_happens(reports, again),
        engine(jobs, ray) as runs,
        display(sys.stderr, quiet) as show,
    ):

        def watch(progress: Progress) -> None:
            reports.hear(progress)
            show(progress)

        found = run_study(planned, place, runs, watch)
    if as_json:
        made = {"out": str(place), "table": str(reports.table), "page": str(reports.page)}
        print(to_json({"study": planned.name, **made, "trials": rows_of(found)}))
    else:
        _print(found)
        shown = shlex.quote(str(place))
        print(f"{len(found)} trials; {reports.table.name} and {reports.page.name} lie in {shown}.")


def _typed(option: str, value: object) -> list[str]:
    return [] if value is None else [option, str(value)]


@contextmanager
def _whatever_happens(reports: "Reports", again: list[str]) -> "Iterator[None]":
    """However the block ends, the reports tell what there is; where it breaks off, it is said how to go on.

    Raises
    ------
    LostError, Interrupted
        As the block raises it, or a KeyboardInterrupt.
    """
    from throughtime.cli.stopping import program
    from throughtime.errors import Interrupted, LostError

    def told() -> str:
        known = reports.done is not None
        count = f"{reports.done} trials have their results" if known else "results so far lie"
        kept = f"{count} in {reports.path}"
        return f"{kept}. Go on with: {program()} {shlex.join(again)}"

    try:
        yield
    except LostError as lost:
        raise LostError(f"{lost} {told()}") from lost
    except KeyboardInterrupt as stop:
        signal = getattr(stop, "signal", int(SIGINT))
        raise Interrupted(f"{str(stop) or 'interrupted'}; {told()}", signal) from None
    finally:
        reports.write()


def _print(found: "list[Found]") -> None:
    """The table, and what its numbers say."""
    from rich.table import Table
    from rich.text import Text

    from throughtime.study.readings import headings, readings, row
    from throughtime.study.summary import groups_of

    groups = groups_of(found)
    console = table_console()
    table = Table()
    for name in headings(groups):
        table.add_column(name, justify="left" if name in ("way", "on") else "right")
    for group in groups:
        table.add_row(*map(Text, row(group, groups)))
    console.print(table)
    for line in readings(groups):
        console.print(Text(line), soft_wrap=not console.is_terminal)
