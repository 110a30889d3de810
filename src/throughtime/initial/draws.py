"""Random numbers: where they come from, and the two plain distributions."""

from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array


def generator(seed: int | np.random.Generator | None) -> np.random.Generator:
    """The random generator that `seed` means: an int, a generator (used as it is), or None for a fresh one.

    Raises
    ------
    ArgumentError
        A seed of another kind, or a negative one.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
        raise ArgumentError(
            f"seed {seed!r} found; expected an int of at least 0, a numpy Generator, or None. Pass seed=0 to repeat a run."
        )
    return np.random.default_rng(seed)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float, dtype: Any) -> Array:
    """Uniform on [-bound, bound]: PyTorch's start with bound 1/sqrt(hidden_size), the article's with 1/sqrt(n)."""
    return rng.uniform(-bound, bound, shape).astype(dtype)


def normal(rng: np.random.Generator, shape: tuple[int, ...], sd: float, dtype: Any) -> Array:
    """Normal with mean 0."""
    return (sd * rng.standard_normal(shape)).astype(dtype)
