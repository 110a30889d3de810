"""Threads of the linear algebra library, held to what pays."""

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits


def single_threaded_blas() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread while the block runs, and give its setting back.

    BLAS's own threads gain nothing on a recurrence's skinny products, or slow them (17 -> 26 ms on a tanh RNN of
    256 units); and one thread makes the bits independent of the machine's number of cores.
    """
    limited: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limited
