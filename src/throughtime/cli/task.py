"""`throughtime task`: whether a network can learn what lies far back."""

import sys
import time
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from throughtime.cli.parameters import takes
from throughtime.cli.tables import table_console
from throughtime.cli.task_options import TaskOptions
from throughtime.study.lengths import parse_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from throughtime.study.run import Found
    from throughtime.study.task_trial import TaskTrial
    from throughtime.study.trial import Result, Trial


@takes(TaskOptions)
def task(options: TaskOptions, typed: list[str]) -> None:
    """Train networks on a task of long dependencies, from several seeds, until they succeed or a limit is met.

    Tasks are temporal-order and temporal-order-3bit (which symbols came, in what order), adding, adding-classic, multiplication
    and delayed-xor (of two marked numbers), random-permutation (the first symbol), memorisation and copy-memory (symbols to be
    repeated). Success is less than 1% of fresh sequences answered wrong. A trial that meets --max-steps or --max-seconds was
    capped: it has not failed.
    """
    from throughtime.cli.engine import engine
    from throughtime.study.display import display
    from throughtime.study.plan import Planned
    from throughtime.study.run import Progress, found_of, run_planned
    from throughtime.training.metrics import to_json

    planned = [Planned(options.cell, trial) for trial in make_trials(options)]
    start = time.perf_counter()
    results: Mapping[Trial, Result] = {}

    def tell() -> None:
        """Print what has been found, be it of some seeds only."""
        found, seconds = found_of(planned, results), time.perf_counter() - start
        if options.as_json:
            print(to_json(summary(found, seconds)))
        else:
            _print(found, seconds)

    with engine(options.jobs, options.ray) as runs, display(sys.stderr, options.quiet) as show:

        def watch(progress: Progress) -> None:
            nonlocal results
            results = progress.results
            show(progress)

        try:
            run_planned(planned, {}, runs, watch)
        except KeyboardInterrupt:
            if results:
                tell()
            raise
    tell()


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


def summary(found: "list[Found]", seconds: float) -> dict[str, Any]:
    """What `--json` prints: over the seeds, then seed by seed. `seconds` is the time that all took together."""
    from throughtime.study.summary import groups_of

    (group,) = groups_of(found)
    trials = [each.planned.trial for each in found]
    return {
        "task": group.subject,
        "settings": {name: value for name, value in trials[0].record().items() if name != "seed"},
        "success_rate": group.successes / len(found),
        "capped": group.capped,
        "seeds": [trial.seed for trial in trials],
        "steps": group.steps_to_success,
        "seconds": seconds,
        "horizon_before": group.horizon_before.median,
        "horizon_after": group.horizon_after.median,
        "trials": [
            {"seed": trial.seed, "success": each.result.success, **asdict(each.result)}
            for trial, each in zip(trials, found, strict=True)
        ],
    }


def _print(found: "list[Found]", seconds: float) -> None:
    """A line for each seed, and one for all."""
    from rich.table import Table

    from throughtime.study.readings import length, success
    from throughtime.study.summary import groups_of
    from throughtime.study.words import ended_in_a_word, horizon_in_words
    from throughtime.training.rows import clock

    table = Table()
    for name in ("seed", "ended", "updates", "seconds", "wrong", "horizon before", "after"):
        table.add_column(name, justify="left" if name == "ended" else "right")
    for planned, result in found:
        table.add_row(
            str(planned.trial.seed),
            ended_in_a_word(result),
            f"{result.steps:,}",
            f"{result.seconds:.1f}",
            "-" if result.error_rate is None else f"{result.error_rate:.1%}",
            horizon_in_words(result.horizon_before, result.horizon_before_censored),
            horizon_in_words(result.horizon_after, result.horizon_after_censored),
        )
    table_console().print(table)
    (group,) = groups_of(found)
    steps = group.steps_to_success
    line = f"{group.subject}, length {length(group)}: of the seeds succeeded {success(group)}"
    after = "" if steps is None else f", after {steps:,.0f} updates (median)"
    print(f"{line}{after}; {clock(seconds)} in all.")
