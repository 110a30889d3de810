"""The shortest truncation whose bias is within a tolerance, and the mean of the curves it is chosen by."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.flow.curve import Curve


class Choice(NamedTuple):
    """How far back a truncation reaches.

    Attributes
    ----------
    K : int
        The last lag that it keeps.
    relative_bias : float
        The bound on its bias, `Curve.relative_bias`.
    beta : float
        The factor by which the curve falls from lag to lag at its end; NaN where too few lags were measured to tell.
    finite : bool
        Whether the bias is within the tolerance. If not, K is the longest that was allowed: where beta is 1 or more no
        other would have served.
    """

    K: int
    relative_bias: float
    beta: float
    finite: bool

    def record(self) -> dict[str, Any]:
        """The choice fit for JSON, which knows no infinity: None instead."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in self._asdict().items()
        }


def choose(curve: Curve, tolerance: float, longest: int) -> Choice:
    """Return the smallest K up to `longest` whose relative bias is within the tolerance.

    Parameters
    ----------
    curve : Curve
    tolerance : float
        Above 0.
    longest : int
        The greatest K allowed. Beyond the measured lags the curve goes on as it ends.

    Raises
    ------
    ArgumentError
        The tolerance is no finite number above 0, or `longest` no whole number of at least 0.

    References
    ----------
    C. Aicher, N. Foti and E. Fox, "Adaptively Truncating Backpropagation Through Time to Control Gradient Bias", UAI
    2019: adaptive truncation.

    Examples
    --------
    >>> choose(Curve(0.8 ** np.arange(100)), tolerance=0.1, longest=1000)
    Choice(K=11, relative_bias=0.0796..., beta=0.8..., finite=True)
    >>> choose(Curve(np.ones(100)), tolerance=0.1, longest=200)
    Choice(K=200, relative_bias=inf, beta=1.0, finite=False)
    """
    if (
        isinstance(tolerance, bool)
        or not isinstance(tolerance, int | float | np.number)
        or not 0 < tolerance < math.inf
    ):
        raise ArgumentError(
            f"tolerance={tolerance!r} found; expected a finite number above 0, the share of the gradient that its bias may "
            "be. Pass tolerance=0.1."
        )
    if isinstance(longest, bool) or not isinstance(longest, int | np.integer) or longest < 0:
        raise ArgumentError(
            f"longest={longest!r} found; expected a whole number of at least 0, the greatest lag allowed. Pass longest=200."
        )
    longest = int(longest)
    # A longer truncation never has a greater bound.
    K = bisect_left(range(longest + 1), True, key=lambda K: curve.relative_bias(K) <= tolerance)
    finite = K in range(longest + 1)
    K = min(K, longest)
    return Choice(K, curve.relative_bias(K), curve.tail().ratio, finite)


class RunningCurve:
    """The mean of the curves of successive probes, each weighing as much as all before it: 1/2, 1/4, 1/8 ...

    So one probe of unusual text moves the truncation half as far as it would alone. Each curve counts by phi_l / phi_0, as
    the size of a loss says nothing about lags. The mean is as long as the last curve; lags that only one of the two has are
    taken from that one. A curve whose phi_0 is 0 is passed over.

    Examples
    --------
    >>> mean = RunningCurve()
    >>> mean.add(Curve([2.0, 1.0, 0.5]))
    >>> mean.add(Curve([1.0, 1.0, 1.0, 1.0]))
    >>> mean.curve.phi
    array([1.   , 0.75 , 0.625, 1.   ])
    """

    def __init__(self) -> None:
        self._phi: list[float] | None = None

    @property
    def curve(self) -> Curve | None:
        """The mean; None before the first curve."""
        return None if self._phi is None else Curve(self._phi)

    def add(self, curve: Curve) -> None:
        """Take another probe's curve into the mean."""
        if curve.phi[0] == 0:
            return
        new = curve.relative
        old = np.full_like(new, np.nan)
        kept = (self._phi or [])[: len(new)]
        old[: len(kept)] = kept
        mean = np.where(np.isnan(old), new, np.where(np.isnan(new), old, old / 2 + new / 2))
        self._phi = mean.tolist()

    @property
    def state(self) -> dict[str, Any]:
        """What must be kept to resume, fit for JSON."""
        return {"phi": self._phi and [None if math.isnan(value) else value for value in self._phi]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from another's `state`.

        Raises
        ------
        ArgumentError
            It is not the state of a running curve.
        """
        if set(state) != {"phi"}:
            raise ArgumentError(
                f"the state for the running curve holds {', '.join(sorted(state)) or 'nothing'}; expected phi. Load what was "
                "saved with the same settings."
            )
        phi = state["phi"]
        self._phi = phi and [math.nan if value is None else float(value) for value in phi]
