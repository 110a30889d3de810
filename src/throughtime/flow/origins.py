"""Which output steps a profile is about."""

from typing import Any

import numpy as np

from throughtime.errors import ArgumentError, ShapeError
from throughtime.machine.arrays import Array

_LAGS = 100  # as many as most curves need, unless more are asked for


def lags_to_measure(max_lag: int | None, T: int, origins: Any = None) -> int:
    """The last lag: as asked for, or 100, but no more than there are in T steps.

    Where it is not asked for, a number of origins has room for as many steps after it.

    Raises
    ------
    ArgumentError
        max_lag is no whole number of at least 0.
    """
    if max_lag is None:
        apart = int(origins) if isinstance(origins, int | np.integer) else 1
        return min(_LAGS, max(T - apart, T // 2, 0), T - 1)
    if isinstance(max_lag, bool) or not isinstance(max_lag, int | np.integer) or max_lag < 0:
        raise ArgumentError(
            f"max_lag={max_lag!r} found; expected a whole number of at least 0. Leave it out for at most {_LAGS} lags."
        )
    return min(int(max_lag), T - 1)


def choose_origins(origins: Any, T: int, B: int, max_lag: int) -> Array:
    """(T, B) of bool: the steps that are wanted, whether they have a target or not.

    Parameters
    ----------
    origins : None, int or array
        None for all; n for n evenly spaced steps t >= max_lag, so that every lag has the same origins; an integer array
        (N,) for these steps; a bool array (T, B) for these steps of these sequences.

    Raises
    ------
    ArgumentError, ShapeError
        It is none of these, or a step lies outside 0..T-1.
    """
    chosen = np.zeros((T, B), np.bool_)
    if origins is None:
        chosen[...] = True
        return chosen
    if isinstance(origins, int | np.integer) and not isinstance(origins, bool):
        if origins < 1:
            raise ArgumentError(
                f"origins={origins} found; expected at least 1. Leave it out for every step with a target."
            )
        chosen[np.linspace(T - 1, max_lag, int(origins)).round().astype(int)] = True
        return chosen
    array = np.asarray(origins)
    if array.dtype == np.bool_:
        if array.shape != (T, B):
            raise ShapeError(
                f"origins have shape {array.shape}; expected (T={T}, batch={B}) of bool. Pass steps (N,) for all sequences."
            )
        return array
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ArgumentError(
            f"origins of shape {array.shape} and dtype {array.dtype} found; expected None, a number, steps (N,) of int, or "
            "(T, batch) of bool. Leave it out for every step with a target."
        )
    if array.size and not (array.min() >= 0 and array.max() < T):
        odd = int(array[(array < 0) | (array >= T)][0])
        raise ArgumentError(
            f"origins hold step {odd}; expected steps from 0 to {T - 1}. Name steps of this call."
        )
    chosen[array] = True
    return chosen


def steps_to_loss(losses_at: Array) -> float:
    """The median, over the steps that a loss follows, of how many steps ahead the next one is; 0 where each has its own.

    Parameters
    ----------
    losses_at : (T, B) of bool

    Examples
    --------
    >>> last = np.arange(11)[:, None] == 10
    >>> steps_to_loss(last), steps_to_loss(~last)
    (5.0, 0.0)
    """
    steps = np.arange(len(losses_at))[:, None]
    never = len(losses_at)
    following = np.minimum.accumulate(np.where(losses_at, steps, never)[::-1])[::-1]
    return float(np.median((following - steps)[following < never]))
