"""Threads of the linear algebra libraries, held to what pays."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import LibController, ThreadpoolController


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread while the block runs, and give its setting back (2 us where it is one already).

    BLAS's own threads gain nothing on a recurrence's skinny products, or slow them: 17 -> 26 ms on a tanh RNN of 256
    units, and tenfold where another process wants the cores, as its threads wait for each other in busy loops. One
    thread also makes the bits independent of the machine's number of cores.
    """
    wide = [(library, threads) for library in _libraries() if (threads := library.num_threads) != 1]
    for library, _ in wide:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in wide:
            library.set_num_threads(threads)


@functools.cache
def _libraries() -> list[LibController]:
    # Compiled products call SciPy's BLAS, NumPy's own another one. SciPy's is loaded with this module and not before,
    # and a library that is loaded after the controller is made would keep its threads.
    import scipy.linalg.cython_blas  # noqa: F401

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
