"""A study run to its end, or on from where it was stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from throughtime.cluster.engine import Engine
from throughtime.study.plan import Planned, Study
from throughtime.study.store import Store
from throughtime.study.time_left import TimeLeft
from throughtime.study.trial import Result, run_trial
from throughtime.training.directory import held


class Found(NamedTuple):
    """A trial of a study, and what came of it."""

    planned: Planned
    result: Result


class Progress(NamedTuple):
    """How far a study has come.

    Attributes
    ----------
    found : Found or None
        The trial that has just ended; None before the first.
    done, total : int
        Trials that have a result, and all.
    seconds_left : float or None
        An estimate; None where there is nothing to go by.
    """

    found: Found | None
    done: int
    total: int
    seconds_left: float | None


def run_study(
    study: Study,
    out: Path,
    engine: Engine,
    watch: Callable[[Progress], object] = lambda progress: None,
) -> list[Found]:
    """Run the trials that have no result yet.

    Parameters
    ----------
    study : Study
    out : Path
        Where the results go, and where those of an earlier run are found; trials with the same settings are run once.
    engine : Engine
        Runs them.
    watch : callable
        Called before the first trial, and as each ends.

    Returns
    -------
    list of Found
        In the order of the study.

    Raises
    ------
    RunError
        Another process runs a study there, or a result is damaged.
    LostError
        What ran a trial has died; results so far are kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    with held(out):
        store = Store(out)
        trials = {each.trial: each for each in study.trials}
        results = {trial: found for trial, each in trials.items() if (found := store.get(each)) is not None}
        todo = [each for trial, each in trials.items() if trial not in results]
        left = TimeLeft([*trials.values()], results, engine.width)
        watch(Progress(None, len(results), len(trials), left.seconds()))
        for index, result in engine.run(run_trial, [each.trial for each in todo], study.corpora):
            planned = todo[index]
            store.put(planned, result)
            results[planned.trial] = result
            left.add(planned, result)
            watch(Progress(Found(planned, result), len(results), len(trials), left.seconds()))
    return [Found(each, results[each.trial]) for each in study.trials]
