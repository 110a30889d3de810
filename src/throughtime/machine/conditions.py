"""The conditions under which sweeps and products run."""

from contextlib import AbstractContextManager

from throughtime.machine.denormals import flush_to_zero
from throughtime.machine.threads import single_threaded_blas


def computing() -> AbstractContextManager[None]:
    """One BLAS thread and denormals flushed while the block runs; the caller's settings are restored.

    Blocks nest, at hardly any cost: a training loop opens one around its steps, each step one of its own.
    """
    return _BOTH


class _Both:
    def __enter__(self) -> None:
        single_threaded_blas().__enter__()
        try:
            flush_to_zero().__enter__()
        except BaseException:
            single_threaded_blas().__exit__(None, None, None)
            raise

    def __exit__(self, *exception: object) -> None:
        try:
            flush_to_zero().__exit__(None, None, None)
        finally:
            single_threaded_blas().__exit__(None, None, None)


_BOTH = _Both()
