"""`throughtime task`: whether a network can learn what lies far back."""

import sys
from dataclasses import asdict, fields
from statistics import median
from typing import TYPE_CHECKING, Any

from throughtime.cli.parameters import takes
from throughtime.cli.tables import table_console
from throughtime.cli.task_options import TaskOptions
from throughtime.study.lengths import parse_lengths, show_lengths

if TYPE_CHECKING:
    from throughtime.study.task_trial import TaskTrial
    from throughtime.study.trial import Result


@takes(TaskOptions)
def task(options: TaskOptions, typed: list[str]) -> None:
    """Train networks on a task of long dependencies, from several seeds, until they succeed or a limit is met.

    Success is less than 1% of fresh sequences answered wrong. A trial that meets --max-steps or --max-seconds was capped: it
    has not failed.
    """
    from throughtime.cli.engine import engine
    from throughtime.study.display import display
    from throughtime.study.plan import Planned
    from throughtime.study.run import run_planned
    from throughtime.training.metrics import to_json

    trials = make_trials(options)
    planned = [Planned(options.cell, trial) for trial in trials]
    with engine(options.jobs, options.ray) as runs, display(sys.stderr, options.quiet) as show:
        results = [each.result for each in run_planned(planned, {}, runs, show)]
    if options.as_json:
        print(to_json(summary(trials, results)))
    else:
        _print(trials, results)


def make_trials(options: TaskOptions) -> "list[TaskTrial]":
    """One for each seed.

    Raises
    ------
    ArgumentError
        A setting is bad, or two contradict each other.
    """
    from throughtime.study.task_trial import TaskTrial

    wanted = {each.name for each in fields(TaskTrial)} - {"task", "seed", "length", "test_length"}
    settings = {name: value for name, value in asdict(options).items() if name in wanted}
    return [
        TaskTrial(
            task=options.name,
            seed=options.seed + n,
            length=parse_lengths(options.length),
            test_length=None if options.test_length is None else parse_lengths(options.test_length),
            **settings,
        )
        for n in range(options.seeds)
    ]


def summary(trials: "list[TaskTrial]", results: "list[Result]") -> dict[str, Any]:
    """What `--json` prints: over the seeds, then seed by seed."""
    succeeded = [result for result in results if result.success]
    return {
        "task": trials[0].task,
        "settings": {name: value for name, value in trials[0].record().items() if name != "seed"},
        "success_rate": len(succeeded) / len(results),
        "seeds": [trial.seed for trial in trials],
        "steps": median(result.steps for result in succeeded) if succeeded else None,
        "seconds": sum(result.seconds for result in results),
        "horizon_before": _median([result.horizon_before for result in results]),
        "horizon_after": _median([result.horizon_after for result in results]),
        "trials": [
            {"seed": trial.seed, "success": result.success, **asdict(result)}
            for trial, result in zip(trials, results, strict=True)
        ],
    }


def _median(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _print(trials: "list[TaskTrial]", results: "list[Result]") -> None:
    """A line for each seed, and one for all."""
    from rich.table import Table

    from throughtime.study.words import ended_in_a_word, horizon_in_words

    table = Table()
    for name in ("seed", "ended", "updates", "seconds", "wrong", "horizon before", "after"):
        table.add_column(name, justify="left" if name == "ended" else "right")
    for trial, result in zip(trials, results, strict=True):
        table.add_row(
            str(trial.seed),
            ended_in_a_word(result),
            f"{result.steps:,}",
            f"{result.seconds:.1f}",
            "-" if result.error_rate is None else f"{result.error_rate:.1%}",
            horizon_in_words(result.horizon_before, result.horizon_before_censored),
            horizon_in_words(result.horizon_after, result.horizon_after_censored),
        )
    table_console().print(table)
    whole = summary(trials, results)
    successes = sum(result.success for result in results)
    line = f"{trials[0].task}, length {show_lengths(trials[0].length)}: {successes} of {len(results)} seeds succeeded"
    print(line + (f", after {whole['steps']:,.0f} updates (median)." if successes else "."))
