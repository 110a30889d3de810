"""`throughtime study`: a grid of trials from a file."""

import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from throughtime.cli.ranges import whole

if TYPE_CHECKING:
    from throughtime.study.plan import Planned
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
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Run a study: trials of tasks over a grid of settings, side by side, each once.

    The file has a table [settings] for what all trials have in common, a table [grid] of lists, each varied with each other,
    and a table [[method]] with a name for each way of training. Settings are spelled as in throughtime task.
    """
    from throughtime.study.plan import read_study
    from throughtime.study.run import run_study
    from throughtime.study.workers import cores
    from throughtime.training.metrics import to_json

    path = Path(file)
    planned = read_study(path)
    place = Path("studies", planned.name) if out is None else Path(out)

    def watch(found: "Found", to_come: int) -> None:
        if not quiet:
            result = found.result
            print(
                f"{found.method}, {_varied(found.planned)}: {result.ended} after {result.steps:,} updates, "
                f"{result.seconds:.0f} s; {to_come} to come",
                file=sys.stderr,
            )

    found = run_study(planned, place, cores() if jobs is None else jobs, watch)
    if as_json:
        print(
            to_json({"study": planned.name, "out": str(place), "trials": [_record(each) for each in found]})
        )
    else:
        _print(found)
        print(f"{len(found)} trials; their results lie in {place}.")


def _varied(planned: "Planned") -> str:
    from throughtime.study.lengths import show_lengths

    trial = planned.trial
    return f"{trial.task}, length {show_lengths(trial.length)}, seed {trial.seed}"


def _record(found: "Found") -> dict[str, Any]:
    """A trial as a row of a tidy table."""
    from dataclasses import asdict

    return {
        "method": found.method,
        **found.planned.trial.record(),
        "success": found.result.success,
        **asdict(found.result),
    }


def _print(found: "list[Found]") -> None:
    """For each method and task a line for each length: how many seeds succeeded, and how soon."""
    from rich.console import Console
    from rich.table import Table

    from throughtime.study.lengths import show_lengths

    groups: dict[tuple[str, str, str], list[Found]] = {}
    for each in found:
        trial = each.planned.trial
        groups.setdefault((each.method, trial.task, show_lengths(trial.length)), []).append(each)
    table = Table()
    for name in (
        "method",
        "task",
        "length",
        "succeeded",
        "capped",
        "diverged",
        "updates",
        "horizon before",
        "after",
    ):
        table.add_column(name, justify="left" if name in ("method", "task") else "right")
    for (method, task, length), members in groups.items():
        results = [each.result for each in members]
        steps = [result.steps for result in results if result.success]
        ended = [result.ended for result in results]
        table.add_row(
            method,
            task,
            length,
            f"{len(steps)} of {len(results)}",
            str(ended.count("steps") + ended.count("time")),
            str(ended.count("diverged")),
            f"{median(steps):,.0f}" if steps else "-",
            _median([result.horizon_before for result in results]),
            _median([result.horizon_after for result in results]),
        )
    Console().print(table)


def _median(values: list[int | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):g}" if known else "-"
