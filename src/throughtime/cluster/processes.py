"""Jobs in processes of this machine: one for each core, one thread each."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import Any

from throughtime.cluster.engine import Job, Result, Shared
from throughtime.errors import LostError

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
"""What says how many threads a library takes; it is asked when the library is loaded."""


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Processes:
    """An engine of this machine.

    Parameters
    ----------
    width : int, optional
        Jobs at a time; by default one for each core. With 1, or where there is one job, it runs in this process.
    """

    def __init__(self, width: int | None = None) -> None:
        self.width = cores() if width is None else width

    def run(
        self, work: Callable[[Job, Shared], Result], jobs: Sequence[Job], shared: Shared
    ) -> Iterator[tuple[int, Result]]:
        """As `Engine` has it."""
        width = min(self.width, len(jobs))
        if width <= 1:
            for index, job in enumerate(jobs):
                yield index, work(job, shared)
            return
        others = {child.pid for child in active_children()}
        # A new interpreter for each: what was forked from threads might wait for one that it has not.
        with _single_threaded():
            pool = ProcessPoolExecutor(width, get_context("spawn"), _begin, (shared,))
            pending: dict[Future[Result], int] = {
                pool.submit(_call, work, job): index for index, job in enumerate(jobs)
            }
        try:
            while pending:
                ended, _ = wait(pending, return_when=FIRST_COMPLETED)
                for each in ended:
                    yield pending.pop(each), each.result()
        except BrokenProcessPool:
            raise LostError(
                "a process was killed while it worked, perhaps for want of memory; expected it to come to its end. Free "
                "memory, or run fewer at a time."
            ) from None
        finally:
            if pending:  # nobody waits for them any more
                for child in active_children():
                    if child.pid not in others:
                        child.terminate()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes begun within the block have one thread: libraries look when they are loaded."""
    found = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in found.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_shared: Any = None


def _begin(shared: Any) -> None:
    """What a process does first."""
    global _shared  # noqa: PLW0603 - one for the process, which has it from its beginning
    _shared = shared
    # Ctrl-C reaches all processes of a terminal; it is for the first of them to end the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Do not go on working for a process that was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(work: Callable[[Job, Any], Result], job: Job) -> Result:
    return work(job, _shared)
