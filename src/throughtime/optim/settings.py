"""Checks of what optimisers, clips and schedules are made with, and of the states they go on from."""

import math
from collections.abc import Collection
from numbers import Integral, Real
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


def whole(name: str, value: Any, least: int, example: int) -> int:
    """Return a whole number of at least `least` as an int; raise ArgumentError, naming the example, for anything else."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ArgumentError(
            f"{name} is {value!r}; expected a whole number of at least {least}. Pass one such as {example}."
        )
    return int(value)


def require_keys(owner: str, state: Collection[str] | None, expected: Collection[str]) -> None:
    """Raise ArgumentError unless a state that was saved, or None for none, has exactly the keys of its owner's."""
    state = state or ()
    if set(state) != set(expected):
        found, wanted = (", ".join(sorted(keys)) or "nothing" for keys in (state, expected))
        raise ArgumentError(
            f"the state for {owner} holds {found}; expected {wanted}. Load what was saved with the same settings."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
