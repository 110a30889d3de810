"""What one lag curve says: how far back in time the gradient goes, and what a truncation leaves out."""

import math
from functools import cached_property
from typing import Any, Self

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.flow.fit import Fit, straight_line
from throughtime.machine.arrays import Array

# Below this share of phi_0 a lag tells nothing of how phi falls.
_USABLE = 1e-6
# A curve that ends before this lag, and has not fallen by then, says nothing of the lags that training reaches over.
_FEW = 10
# So that rounding does not put a sum beyond an edge that it meets exactly.
_TIE = 1 + 1e-12


class Horizon(int):
    """A lag, and whether it was only bounded from below.

    Attributes
    ----------
    censored : bool
        The curve was measured too short to tell: the horizon is at least this.

    Examples
    --------
    >>> Horizon(11), Horizon(50, censored=True)
    (11, at least 50)
    """

    censored: bool

    def __new__(cls, lag: int, censored: bool = False) -> Self:
        """See the class."""
        horizon = super().__new__(cls, lag)
        horizon.censored = censored
        return horizon

    def __repr__(self) -> str:
        return f"at least {int(self)}" if self.censored else str(int(self))

    __str__ = __repr__


class Curve:
    """phi_l, the mean over origins of ||dE_t/dh_{t-l}||, for lags 0..L.

    Everything but `phi` itself is the same for any multiple of it: sums are of phi over its largest value, and fits of
    logarithms, so that neither overflows nor vanishes.

    Parameters
    ----------
    phi : (L+1,) of float
        At least 0; NaN at lags that no origin has, which are left out. What is infinite counts as the largest float64.

    Attributes
    ----------
    phi : (L+1,) of float64
        Read-only.
    lags : (N,) of int
        Those that were measured.

    Raises
    ------
    ShapeError, DtypeError, ArgumentError
        phi is no row of numbers of at least 0, or its first is NaN.

    Notes
    -----
    Where phi_0 is 0 there is no scale: `relative` and `half_life` are NaN. Where all phi are 0 the horizon is 0, no mass
    is beyond any lag, and no truncation's bias is bounded, as there is no gradient to compare it with.

    Examples
    --------
    >>> curve = Curve(0.8 ** np.arange(101))
    >>> curve
    Curve(lags 0..100, half-life 3.11, horizon 20)
    >>> (
    ...     curve.horizon(0.1),
    ...     round(curve.mass_beyond(10), 4),
    ...     round(curve.mean_lag, 4),
    ...     round(curve.relative_bias(11), 4),
    ... )
    (10, 0.0859, 4.0, 0.0797)
    >>> Curve(0.99 ** np.arange(101)).horizon()
    at least 99
    """

    def __init__(self, phi: Any) -> None:
        self.phi = _checked(phi)
        self.lags = np.flatnonzero(~np.isnan(self.phi))
        with np.errstate(divide="ignore"):
            self._logs = np.log(self.phi)
        values = np.nan_to_num(self.phi)
        self._scaled = values / (values.max() or 1.0)
        self._sum = float(self._scaled.sum())

    @cached_property
    def relative(self) -> Array:
        """phi_l / phi_0, (L+1,) of float64; the largest one where it is larger."""
        if self.phi[0] == 0:
            return np.full_like(self.phi, np.nan)
        with np.errstate(over="ignore"):
            relative: Array = np.minimum(self.phi / self.phi[0], np.finfo(np.float64).max)
        return relative

    @cached_property
    def fit(self) -> Fit:
        """The straight line through log phi over all lags where phi is at least 1e-6 of phi_0.

        Where these are fewer than three, over the first three measured lags; where phi is exactly 0, not over these.
        """
        return self._fit_from(0)

    @cached_property
    def half_life(self) -> float:
        """Lags until phi has halved: ln 2 over the slope of -log phi, by `fit`.

        Infinite if phi does not fall, 0 if nothing at all comes back beyond lag 0, NaN with fewer than three lags measured.
        """
        if len(self.lags) < 3 or self.phi[0] == 0:
            return math.nan
        slope = self.fit.slope
        return math.inf if slope >= 0 else math.log(2) / -slope

    @property
    def too_short(self) -> bool:
        """Whether so few lags were measured, and so much lies beyond them, that nothing can be said of how phi falls."""
        return math.isnan(self.half_life) or bool(self.lags[-1] < _FEW and self.horizon().censored)

    @cached_property
    def mean_lag(self) -> float:
        """Sum of l phi_l over the sum of phi_l; NaN where all phi are 0."""
        lags = np.arange(len(self.phi))
        return float(lags @ self._scaled) / self._sum if self._sum else math.nan

    def horizon(self, eps: float = 0.01) -> Horizon:
        """Return the smallest L with sum_{l<=L} phi_l >= (1 - eps) sum_l phi_l, sums over the measured lags.

        It is censored where a geometric tail from the last measured phi on, its ratio that of `tail`, would hold more than
        eps of the total, itself included; and where that ratio is 1 or more, or there are too few lags to tell it.

        Parameters
        ----------
        eps : float
            The share of the total that may lie beyond, within (0, 1).

        Raises
        ------
        ArgumentError
            eps is out of its range.
        """
        if isinstance(eps, bool) or not isinstance(eps, int | float | np.number) or not 0 < eps < 1:
            raise ArgumentError(
                f"eps={eps!r} found; expected a number between 0 and 1, the share that may lie beyond. Pass eps=0.01."
            )
        lag = int(np.argmax(self._beyond <= float(eps) * _TIE))
        return Horizon(lag, self._unmeasured > float(eps))

    def mass_beyond(self, K: int) -> float:
        """Return the share of sum_l phi_l at measured lags above K: what a truncation to lags 0..K cannot see.

        Raises
        ------
        ArgumentError
            K is no whole number of at least 0.
        """
        K = _lag("K", K)
        return float(self._beyond[min(K, len(self.phi) - 1)])

    def relative_bias(self, K: int, tau: int | None = None) -> float:
        """Return the bound delta(K) on the bias of a gradient over lags 0..K, as a share of the whole gradient's norm.

        From lag tau on, phi is taken to fall by a factor of beta a lag at least, so that lags above K add at most
            E(K) = M (phi_{K+1} + ... + phi_{tau-1} + phi_tau beta^max(0, K+1-tau) / (1 - beta))
        to the gradient g_K over lags 0..K, M being the largest factor from dE_t/dh_{t-l} to a gradient of the weights.
        Where phi does not do so, and what was measured beyond K comes to more, E(K) is that, continued by beta: a gradient
        that comes back from a distant lag is not overlooked. Then
            delta(K) = E(K) / (||g_K|| - E(K)), infinite where that is not positive, and where beta is 1 or more.
        M is estimated from below, by the least value that the triangle inequality allows, ||g_K|| / sum_{l<=K} phi_l. So it
        cancels: delta is that of a gradient whose lags all point one way. Where they cancel each other in g_K, the true M is
        larger, and so may the bias be.

        Parameters
        ----------
        K : int
            The last lag that a truncation keeps. Beyond the measured ones phi is continued from the last, by beta.
        tau : int or None
            The lag from which on phi falls geometrically: see `tail`, which also says what beta is.

        Raises
        ------
        ArgumentError
            K is no whole number of at least 0, or tau is no measured lag.

        References
        ----------
        C. Aicher, N. Foti and E. Fox, "Adaptively Truncating Backpropagation Through Time to Control Gradient Bias", UAI
        2019: the bound on the bias under geometric decay.

        Examples
        --------
        >>> curve = Curve(0.8 ** np.arange(50))
        >>> f"{curve.relative_bias(11):.4f}", f"{0.8**12 / (1 - 2 * 0.8**12):.4f}"
        ('0.0797', '0.0797')
        """
        K = _lag("K", K)
        tail = self.tail(tau)
        if not tail.slope < 0:
            return math.inf
        beta, to_end = tail.ratio, 1 / -math.expm1(tail.slope)  # 1 / (1 - beta)
        last = int(self.lags[-1])
        before = self._scaled[K + 1 : tail.first].sum()
        falling = before + self._scaled[tail.first] * beta ** max(0, K + 1 - tail.first) * to_end
        measured = self._scaled[K + 1 :].sum() + self._scaled[last] * beta ** max(1, K + 1 - last) * to_end
        beyond = max(falling, measured)
        within = self._scaled[: K + 1].sum()
        if last < K:
            within += self._scaled[last] * beta * (1 - beta ** (K - last)) * to_end
        return float(beyond / (within - beyond)) if within > beyond * _TIE else math.inf

    def tail(self, tau: int | None = None) -> Fit:
        """Return the straight line through log phi from lag tau on, where phi is at least 1e-6 of phi_0.

        Its `ratio` is beta. None for tau takes the later half of all such lags, or all of them where they are fewer than
        six: a curve that is a sum of decays ends in its slowest. Where phi = beta^l every tau finds the same.

        Raises
        ------
        ArgumentError
            tau is no measured lag.
        """
        if tau is None:
            return self._default_tail
        if _lag("tau", tau) not in self.lags:
            raise ArgumentError(
                f"tau={tau} found; expected a measured lag, up to {self.lags[-1]}. Measure with a greater max_lag."
            )
        return self._fit_from(int(tau))

    @cached_property
    def _default_tail(self) -> Fit:
        usable = self._usable(self.lags)
        return self._fit_from(int(usable[len(usable) // 2]) if len(usable) >= 6 else 0)

    @cached_property
    def _beyond(self) -> Array:
        """The share of the sum at lags above each."""
        above: Array = np.append(np.cumsum(self._scaled[:0:-1])[::-1], 0.0)
        return above / (self._sum or 1.0)

    @cached_property
    def _unmeasured(self) -> float:
        """The share of the total in a geometric tail beyond the last measured lag; 1 where it has no end."""
        last = float(self._scaled[self.lags[-1]])
        if last == 0:
            return 0.0
        slope = self._default_tail.slope
        if not slope < 0:
            return 1.0
        tail = last * math.exp(slope) / -math.expm1(slope)
        return tail / (self._sum + tail)

    def _usable(self, lags: Array) -> Array:
        """Those of the measured `lags` that a fit takes."""
        positive = lags[self.phi[lags] > 0]
        # As logarithms: 1e-6 of phi_0 may be too small a number.
        usable: Array = positive[self._logs[positive] >= self._logs[0] + math.log(_USABLE)]
        return usable if len(usable) >= 3 else positive[:3]

    def _fit_from(self, first: int) -> Fit:
        measured = self.lags[self.lags >= first]
        lags = self._usable(measured)
        if len(measured) < 2 or self._sum == 0 or (len(lags) and lags[0] != first):
            return Fit(math.nan, math.nan, first, first)
        if len(lags) < 2:
            return Fit(-math.inf, math.nan, first, first)
        return straight_line(lags, self._logs[lags])

    def __repr__(self) -> str:
        return f"Curve(lags 0..{len(self.phi) - 1}, half-life {self.half_life:.3g}, horizon {self.horizon()})"


def _checked(phi: Any) -> Array:
    """A read-only copy of phi."""
    try:
        found = np.asarray(phi)
    except ValueError as error:
        raise ShapeError("phi is ragged; expected one number a lag. Pass a row of norms.") from error
    if found.dtype.kind not in "iuf":
        raise DtypeError(f"phi has dtype {found.dtype}; expected real numbers. Pass a row of norms.")
    if found.ndim != 1 or not found.size:
        raise ShapeError(
            f"phi has shape {found.shape}; expected (lags,), at least one. Pass one layer's norms."
        )
    values = found.astype(np.float64)
    if np.isnan(values[0]):
        raise ArgumentError(
            "phi is NaN at lag 0; expected an origin there. Measure where some target is real."
        )
    if (values < 0).any():
        lag = int(np.argmax(values < 0))
        raise ArgumentError(f"phi is {values[lag]:g} at lag {lag}; expected at least 0. Pass norms.")
    values = np.minimum(values, np.finfo(np.float64).max)
    values.setflags(write=False)
    return values


def _lag(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ArgumentError(f"{name}={value!r} found; expected a whole number of at least 0. Pass a lag.")
    return int(value)
