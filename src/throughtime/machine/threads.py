"""Threads of the linear algebra libraries, held to what pays."""

import functools
import os
from collections import Counter
from contextlib import AbstractContextManager
from threading import Lock, get_ident

from threadpoolctl import LibController, ThreadpoolController


def single_threaded_blas() -> AbstractContextManager[None]:
    """Hold BLAS to one thread while a block runs, in whatever thread, and give its setting back after the last.

    BLAS's own threads gain nothing on a recurrence's skinny products, or slow them: 17 -> 26 ms on a tanh RNN of 256
    units, and tenfold where another process wants the cores, as its threads wait for each other in busy loops. One
    thread also makes the bits independent of the machine's number of cores. A block takes 10 us, within another 1 us.
    """
    return _HOLD


class _Hold:
    """The setting is the whole process's: the first block to begin changes it, the last to end gives it back."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._blocks: Counter[int] = Counter()  # by thread
        self._found: list[tuple[LibController, int]] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._guard.acquire,
                after_in_parent=self._guard.release,
                after_in_child=self._forget_others,
            )

    def __enter__(self) -> None:
        with self._guard:
            if not self._blocks:
                numbers = [(library, library.num_threads) for library in _libraries()]
                self._found = [(library, number) for library, number in numbers if number != 1]
                for library, _ in self._found:
                    library.set_num_threads(1)
            self._blocks[get_ident()] += 1

    def __exit__(self, *exception: object) -> None:
        with self._guard:
            self._end(get_ident())

    def _end(self, thread: int) -> None:
        self._blocks[thread] -= 1
        if not self._blocks[thread]:
            del self._blocks[thread]
        if not self._blocks:
            for library, threads in self._found:
                library.set_num_threads(threads)

    def _forget_others(self) -> None:
        """A forked child has the blocks of threads that it has not, and nobody to end them."""
        for thread in [*self._blocks]:
            if thread != get_ident():
                self._blocks[thread] = 1
                self._end(thread)
        self._guard.release()


_HOLD = _Hold()


@functools.cache
def _libraries() -> list[LibController]:
    # Compiled products call SciPy's BLAS, NumPy's own another one. SciPy's is loaded with this module and not before,
    # and a library that is loaded after the controller is made would keep its threads.
    import scipy.linalg.cython_blas  # noqa: F401

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
