"""A study run to its end, or on from where it was stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from throughtime.study.plan import Planned, Study
from throughtime.study.store import Store
from throughtime.study.trial import Result
from throughtime.study.workers import run_trials
from throughtime.training.directory import held


class Found(NamedTuple):
    """A trial of a study, and what came of it."""

    method: str
    planned: Planned
    result: Result


def run_study(
    study: Study,
    out: Path,
    jobs: int,
    watch: Callable[[Found, int], None] = lambda found, to_come: None,
) -> list[Found]:
    """Run the trials that have no result yet, `jobs` at a time.

    Parameters
    ----------
    study : Study
    out : Path
        Where the results go, and where those of an earlier run are found; trials with the same settings are run once.
    jobs : int
    watch : callable
        Called as each trial ends with what was found, and how many are to come.

    Returns
    -------
    list of Found
        In the order of the study.

    Raises
    ------
    RunError
        Another process runs a study there, or a result is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    with held(out):
        store = Store(out)
        todo = {each.trial: each for each in study.trials if store.get(each) is None}
        for n, (trial, result) in enumerate(run_trials([*todo], jobs), start=1):
            planned = todo[trial]
            store.put(planned, result)
            watch(Found(planned.method, planned, result), len(todo) - n)
        results = [(each, store.get(each)) for each in study.trials]
    return [Found(each.method, each, result) for each, result in results if result is not None]
