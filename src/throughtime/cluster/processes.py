"""Jobs in processes of this machine: one for each core, one thread each."""

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from throughtime.cluster.engine import Job, Result, Shared
from throughtime.cluster.waiting import next_ended
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

    sees_files = True

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
        # A new interpreter for each: what was forked from threads might wait for one that it has not.
        context = get_context("spawn")
        begun = context.RawValue("b", 0)  # without a lock, which one that is killed might keep
        with TemporaryDirectory(prefix="throughtime-") as place:
            # In a file: whoever hands more than a pipe holds to a process that dies as it begins waits for ever.
            file = Path(place, "shared.pickle")
            file.write_bytes(pickle.dumps(shared))
            pool = ProcessPoolExecutor(width, context, _begin, (file, begun))
            yield from _run(pool, work, jobs, begun)


def _run(
    pool: ProcessPoolExecutor, work: Callable[[Job, Any], Result], jobs: Sequence[Job], begun: Any
) -> Iterator[tuple[int, Result]]:
    before, ours = {*active_children()}, set[BaseProcess]()
    pending: dict[Future[Result], int] = {}
    try:
        for index, job in enumerate(jobs):
            with _single_threaded(), _signals_afterwards():  # perhaps another process begins
                pending[pool.submit(_call, work, job)] = index
                ours = {*active_children()} - before
        while pending:
            each = next_ended(pending)
            yield pending.pop(each), each.result()
    except BaseException as error:
        for child in ours:
            child.kill()
        if isinstance(error, BrokenProcessPool):
            raise _lost(bool(begun.value)) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _lost(begun: bool) -> LostError:
    """What to say of processes that have died: after they had begun to work, or before."""
    if begun:
        return LostError(
            "a process was killed while it worked, perhaps for want of memory; expected it to come to its end. Free "
            "memory, or run fewer at a time."
        )
    return LostError(
        "the processes that were to work did not start; expected a program in a file, which each of them can import. Call "
        'it under if __name__ == "__main__":.'
    )


@contextmanager
def _signals_afterwards() -> Iterator[None]:
    """Hear Ctrl-C and SIGTERM when the block has ended; processes begun within it never hear Ctrl-C.

    Ctrl-C reaches all processes of a terminal: it is for the first of them to end the others, and one that is torn away from
    what it is told, as it begins, would complain.
    """
    heard: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(signal.getsignal(number)):
                handlers[number] = signal.signal(number, lambda number, frame: heard.append(number))
    blocks = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for each in heard:
            signal.raise_signal(each)


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


def _begin(shared: Path, begun: Any) -> None:
    """What a process does first."""
    global _shared  # noqa: PLW0603 - one for the process, which has it from its beginning
    _shared = pickle.loads(shared.read_bytes())
    begun.value = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not begin without hearing it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Do not go on working for a process that was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _call(work: Callable[[Job, Any], Result], job: Job) -> Result:
    # Training takes signals for itself in a main thread; here, SIGTERM is to end the process.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work, job, _shared).result()
