"""A straight line through logarithms: how fast a curve falls."""

import math
from typing import NamedTuple

from throughtime.machine.arrays import Array

# A fall or rise by less than this share over all lags is float32's rounding.
_LEVEL = 1e-6


class Fit(NamedTuple):
    """log phi_l = intercept + slope l, by least squares.

    Attributes
    ----------
    slope : float
        A lag. Exactly 0 where phi moves by less than a millionth over the lags of the fit; -inf where nothing comes back
        beyond the first of them; NaN with too few lags to tell.
    intercept : float
        NaN where the slope is not finite.
    first, last : int
        The lags of the fit run from the one to the other.
    """

    slope: float
    intercept: float
    first: int
    last: int

    @property
    def ratio(self) -> float:
        """The factor from each lag to the next; at most e^700."""
        return math.exp(min(self.slope, 700.0))


def straight_line(lags: Array, logs: Array) -> Fit:
    """Fit a line to two logarithms or more.

    Parameters
    ----------
    lags : (N,) of int, rising
    logs : (N,) of float64

    Examples
    --------
    >>> import numpy as np
    >>> fit = straight_line(np.arange(5), np.log(3 * 0.5 ** np.arange(5)))
    >>> f"{fit.ratio:.6f}", f"{np.exp(fit.intercept):.6f}"
    ('0.500000', '3.000000')
    """
    middle, level = float(lags.mean()), float(logs.mean())
    x = lags - middle
    slope = float(x @ (logs - level) / (x @ x))
    first, last = int(lags[0]), int(lags[-1])
    if abs(slope) * (last - first) < _LEVEL:
        slope = 0.0
    return Fit(slope, level - slope * middle, first, last)
