"""Trials side by side: a process for each core, one thread each."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

from throughtime.study.trial import Result, Trial, run_trial

_THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_trials(
    trials: Sequence[Trial], jobs: int, run: Callable[[Trial], Result] = run_trial
) -> Iterator[tuple[Trial, Result]]:
    """Run them, `jobs` at a time; each comes as soon as it has ended, whatever the order.

    Parameters
    ----------
    trials : sequence of Trial
    jobs : int
        With 1, or where there is one trial, it runs in this process.
    run : callable
        A function of a module, which other processes can import.

    Notes
    -----
    When the iteration is given up, trials that are under way come to their end unseen, and others do not begin.
    """
    if min(jobs, len(trials)) <= 1:
        for trial in trials:
            yield trial, run(trial)
        return
    # A new interpreter for each: what was forked from threads might wait for one that it has not.
    found = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # read when NumPy is loaded
    try:
        pool = ProcessPoolExecutor(min(jobs, len(trials)), get_context("spawn"))
        pending: dict[Future[Result], Trial] = {pool.submit(run, trial): trial for trial in trials}
    finally:
        for name, value in found.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    try:
        while pending:
            ended, _ = wait(pending, return_when=FIRST_COMPLETED)
            for each in ended:
                yield pending.pop(each), each.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
