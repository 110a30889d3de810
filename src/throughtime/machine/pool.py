"""Work side by side on plain threads: compiled kernels and large products let go of Python's lock."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from throughtime.machine.conditions import computing
from throughtime.machine.denormals import flush_to_zero

R = TypeVar("R")


def side_by_side(work: Callable[[int], R], count: int) -> list[R]:
    """[work(0), ..., work(count - 1)], the first in the calling thread, each other one in a thread of its own.

    All of them run under `computing` and in the caller's context, so that NumPy's errstate is theirs, too. All have
    ended when this returns or raises; of their exceptions the first in order is raised. The threads are kept for the
    next call. `work` must not itself come back here.

    Parameters
    ----------
    count : int
        1 or more.

    Examples
    --------
    >>> side_by_side(lambda n: n * n, 3)
    [0, 1, 4]
    """
    # The caller holds BLAS from before the first until after the last: where one thread lowers OpenBLAS's number and
    # another one gives it back, it stays at the lower one for good.
    with computing():
        if count == 1:
            return [work(0)]
        others = [_pool(count - 1).submit(copy_context().run, _flushing, work, n) for n in range(1, count)]
        try:
            first = work(0)
        finally:
            wait(others)
    return [first, *(other.result() for other in others)]


def _flushing(work: Callable[[int], R], n: int) -> R:
    with flush_to_zero():  # thread by thread
        return work(n)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "throughtime")


if hasattr(os, "register_at_fork"):
    # A forked child has the pool but none of its threads, and would wait for them for ever.
    os.register_at_fork(after_in_child=_pool.cache_clear)
