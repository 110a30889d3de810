"""Random numbers: where they come from, and the two plain distributions."""

from typing import Any

import numpy as np

from throughtime.errors import ArgumentError, RunError
from throughtime.machine.arrays import Array

_BIT_GENERATORS: dict[str, type[np.random.BitGenerator]] = {
    kind.__name__: kind
    for kind in (
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.MT19937,
        np.random.Philox,
        np.random.SFC64,
    )
}


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


def recorded_generator(state: Any) -> np.random.Generator:
    """A generator that draws what one drew whose `bit_generator.state` was recorded.

    Parameters
    ----------
    state : dict
        As it was, or as JSON has it, lists for arrays.

    Raises
    ------
    RunError
        It is none of a generator of NumPy.
    """
    try:
        bits = _BIT_GENERATORS[state["bit_generator"]](0)
        bits.state = state
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError):
        raise RunError(
            f"a random generator's state that cannot be restored found; expected one of {', '.join(_BIT_GENERATORS)}. "
            "Use the file as it was written."
        ) from None
    return np.random.Generator(bits)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float, dtype: Any) -> Array:
    """Uniform on [-bound, bound]: PyTorch's start with bound 1/sqrt(hidden_size), the article's with 1/sqrt(n)."""
    return rng.uniform(-bound, bound, shape).astype(dtype)


def normal(rng: np.random.Generator, shape: tuple[int, ...], sd: float, dtype: Any) -> Array:
    """Normal with mean 0."""
    return (sd * rng.standard_normal(shape)).astype(dtype)
