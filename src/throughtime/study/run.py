"""A study run to its end, or on from where it was stopped."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from throughtime.cluster.engine import Engine
from throughtime.study.plan import Planned, Study
from throughtime.study.store import Store
from throughtime.study.time_left import TimeLeft
from throughtime.study.trial import Corpora, Result, Trial, run_trial
from throughtime.training.directory import locked


class Found(NamedTuple):
    """A trial of a study, and what came of it."""

    planned: Planned
    result: Result


class Progress(NamedTuple):
    """How far a study has come.

    Attributes
    ----------
    ended : Found or None
        The trial that has just ended; None before the first.
    results : mapping of Trial to Result
        All so far.
    total : int
        Trials in all.
    seconds_left : float or None
        An estimate; None where there is nothing to go by.
    """

    ended: Found | None
    results: Mapping[Trial, Result]
    total: int
    seconds_left: float | None

    @property
    def done(self) -> int:
        """Trials that have a result."""
        return len(self.results)


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
    with locked(out):
        store = Store(out)
        known = {each.trial: result for each in study.trials if (result := store.get(each)) is not None}
        return run_planned(study.trials, study.corpora, engine, watch, known, store.put)


def run_planned(
    planned: Sequence[Planned],
    corpora: Corpora,
    engine: Engine,
    watch: Callable[[Progress], object] = lambda progress: None,
    known: Mapping[Trial, Result] = MappingProxyType({}),
    keep: Callable[[Planned, Result], object] = lambda planned, result: None,
) -> list[Found]:
    """Run trials, each once, but for those whose results are known; `keep` has each new one before anybody is told."""
    trials = {each.trial: each for each in planned}
    results = {trial: result for trial, result in known.items() if trial in trials}
    todo = [each for trial, each in trials.items() if trial not in results]
    left = TimeLeft([*trials.values()], results, engine.width)
    watch(Progress(None, results, len(trials), left.seconds()))
    for index, result in engine.run(run_trial, [each.trial for each in todo], corpora):
        ended = todo[index]
        keep(ended, result)
        results[ended.trial] = result
        left.add(ended, result)
        watch(Progress(Found(ended, result), results, len(trials), left.seconds()))
    return found_of(planned, results)


def found_of(planned: Sequence[Planned], results: Mapping[Trial, Result]) -> list[Found]:
    """Those that have a result, in their order."""
    return [Found(each, results[each.trial]) for each in planned if each.trial in results]
