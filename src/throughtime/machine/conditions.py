"""The conditions under which sweeps and products run."""

from collections.abc import Iterator
from contextlib import contextmanager

from throughtime.machine.denormals import flush_to_zero
from throughtime.machine.threads import single_threaded_blas


@contextmanager
def computing() -> Iterator[None]:
    """One BLAS thread and denormals flushed while the block runs; the caller's settings are restored.

    Blocks nest, at hardly any cost: a training loop opens one around its steps, each step one of its own.
    """
    with single_threaded_blas(), flush_to_zero():
        yield
