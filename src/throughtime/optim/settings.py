"""Checks of the numbers that optimisers and clips are made with."""

import math
from numbers import Real
from typing import Any

from throughtime.errors import ArgumentError


def positive(name: str, value: Any, example: float) -> float:
    """Return a finite number above 0 as a float; raise ArgumentError, naming the example, for anything else."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ArgumentError(
            f"{name} is {value!r}; expected a finite number above 0. Pass one such as {example}."
        )
    return float(value)


def at_least_zero(name: str, value: Any, example: float) -> float:
    """Return a finite number of 0 or above as a float; raise ArgumentError, naming the example, for anything else."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ArgumentError(
            f"{name} is {value!r}; expected a finite number of 0 or above. Pass one such as {example}."
        )
    return float(value)


def fraction(name: str, value: Any, example: float) -> float:
    """Return a number in [0, 1) as a float; raise ArgumentError, naming the example, for anything else."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ArgumentError(
            f"{name} is {value!r}; expected a number from 0 to below 1. Pass one such as {example}."
        )
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
