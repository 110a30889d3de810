"""Dropout between layers."""

from typing import Any, TypeAlias

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array

Masks: TypeAlias = list[Array | None]
"""What the outputs of each layer but the last are multiplied by; None where nothing is dropped."""


class Dropout:
    """Zero each value with probability p while training, and scale the others by 1 / (1 - p).

    Srivastava et al. (2014); between layers only, never along time (Zaremba et al. 2014).

    Parameters
    ----------
    p : float
        Probability, 0 <= p < 1.
    rng : numpy.random.Generator
        Where the masks come from.

    Raises
    ------
    ArgumentError
        p lies outside [0, 1).
    """

    def __init__(self, p: float, rng: np.random.Generator) -> None:
        if not isinstance(p, int | float | np.number) or not 0 <= p < 1:
            raise ArgumentError(
                f"dropout {p!r} found; expected a probability of at least 0 and below 1. Pass dropout=0 for none."
            )
        self.p, self.rng = p, rng

    def mask(self, shape: tuple[int, ...], dtype: Any) -> Array | None:
        """Factors to multiply by: 0 or 1 / (1 - p); None where p is 0."""
        if self.p == 0:
            return None
        kept = self.rng.random(shape, np.float32) >= self.p
        factors: Array = kept * np.dtype(dtype).type(1 / (1 - self.p))
        return factors


def masked(array: Array, mask: Array | None) -> Array:
    """array * mask, where there is a mask."""
    return array if mask is None else array * mask
