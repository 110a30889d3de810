"""The measurement itself: norms of output steps' own gradients, lag by lag and layer by layer."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.lag_rows import LagRows
from throughtime.networks.network import StepGradients
from throughtime.sweeps.meet import NOTHING, meet
from throughtime.sweeps.slots import for_cell

PERCENTILES = 10, 50, 90


class Measured(NamedTuple):
    """What the rows showed on their way back; NaN at a lag for which no origin exists.

    norms : dict of str to float64 (num_layers, L + 1)
        By part of the state, means over origins.
    percentiles : dict of str to float64 (3, num_layers, L + 1)
    origins : int (L + 1,)
    underflow : float64 (num_layers, L + 1)
    """

    norms: dict[str, Array]
    percentiles: dict[str, Array]
    origins: Array
    underflow: Array

    @classmethod
    def nothing(cls, names: Sequence[str], num_layers: int, max_lag: int) -> Self:
        """Room for lags 0..max_lag, before any origin was found."""
        shape = num_layers, max_lag + 1
        return cls(
            {name: np.full(shape, np.nan) for name in names},
            {name: np.full((len(PERCENTILES), *shape), np.nan) for name in names},
            np.zeros(max_lag + 1, np.int64),
            np.full(shape, np.nan),
        )


def measure(found: StepGradients, max_lag: int, workspace: Workspace) -> Measured:
    """Take the gradients of output steps back over lags 0..max_lag, each apart.

    An origin is counted at a lag if the step there lies in its sequence, and no reset in between.
    """
    with computing(), np.errstate(over="ignore", invalid="ignore"):
        meeting = _Meeting(found, max_lag, workspace)
        rows = LagRows(found.params, found.trace, found.steps, found.sequences, workspace.part("rows"))
        top = len(rows.dh) - 1
        if found.dstate is None:
            meeting.exponents[top][...] = _begin(found.dy, rows.dh[top])
        else:
            for k, dh in enumerate(rows.dh):
                dstate = found.dstate[:, k].copy()
                if k == top:
                    dstate[0] += found.dy
                meeting.exponents[k][...] = _begin(dstate, rows.dstate[k])
                dh[...], rows.dstate[k][0] = rows.dstate[k][0], 0
        for back in range(max_lag + 1):
            rows.go(back, back == max_lag, meeting)
        return meeting.measured


def _begin(gradient: Array, out: Array) -> Array:
    """Put rows (..., R, H) to `out`, the largest entry of each brought to about 1; return their exponents, (R,) of int."""
    largest = np.abs(gradient).max(axis=(*range(gradient.ndim - 2), gradient.ndim - 1))
    scales = np.frexp(np.where(np.isfinite(largest), largest, 0))[1]
    half = scales // 2  # a factor for all of 2^127 would be no normal number
    one = gradient.dtype.type(1)
    np.multiply(gradient, np.ldexp(one, -half)[:, None], out=out)
    out *= np.ldexp(one, half - scales)[:, None]
    exponents: Array = np.where(
        largest == 0, NOTHING, scales
    )  # the scale of nothing must not hold down what comes
    return exponents


class _Meeting:
    """Measures each layer's rows at each lag, in the order in which `LagRows.go` comes to them.

    Attributes
    ----------
    measured : Measured
    exponents : list of (R,) of int
        Layer by layer those of the rows, as `throughtime.sweeps.meet` has them.
    """

    def __init__(self, found: StepGradients, max_lag: int, workspace: Workspace) -> None:
        trace, R = found.trace, len(found.steps)
        layers, cell, dtype = len(trace.layers), trace.cell, found.dy.dtype
        # Without `total` nothing is known of what the other parts pass on within a step.
        self._names = cell.states if cell.total else cell.states[:1]
        self.measured = Measured.nothing(self._names, layers, max_lag)
        self._sweep = for_cell(meet, cell)
        # Nothing has come to any layer yet, and no scale may hold down what will.
        self.exponents = [np.full(R, NOTHING, np.int64) for _ in range(layers)]
        self._smallest = int(np.finfo(dtype).minexp)
        self._seen = np.empty((len(cell.states), found.dy.shape[1]), dtype)
        self._norms = workspace.empty("norms", (len(cell.states), R), np.float64)
        self._lost = workspace.empty("lost", (R,), np.int64)
        self._there = np.ones(
            R, np.bool_
        )  # whether no reset lies between the origin and where its row stands

    def __call__(self, rows: LagRows, back: int, first: int, k: int, above: Array) -> None:
        """Join, measure, and keep within range; then take the mean over the origins that exist."""
        H = rows.dh[k].shape[1]
        top = k + 1 == len(rows.dh)
        if top and back and rows.trace.reset.size:
            left = rows.steps[first:] - back + 1, rows.sequences[first:]
            self._there[first:] &= ~rows.trace.reset[left]
        self._sweep(
            back,
            first,
            rows.steps,
            rows.sequences,
            *rows.trace.layers[k].swept,
            above,
            self.exponents[k if top else k + 1],
            rows.dh[k],
            rows.dstate[k],
            self.exponents[k],
            self._seen,
            self._smallest,
            self._norms,
            self._lost,
        )
        there = self._there[first:]
        count = int(there.sum())
        self.measured.origins[back] = count
        if not count:
            return
        whole = count == len(there)
        for s, name in enumerate(self._names):
            norms = self._norms[s, first:] if whole else self._norms[s, first:][there]
            self.measured.norms[name][k, back] = mean(norms)
            self.measured.percentiles[name][:, k, back] = percentiles(norms)
        self.measured.underflow[k, back] = self._lost[first:][there].sum() / (count * H)


def mean(norms: Array) -> float:
    """The mean, also where the sum would be beyond all floats."""
    found = float(norms.mean())
    if found < np.inf:
        return found
    largest = float(norms.max())
    return largest * float((norms / largest).mean()) if largest < np.inf else largest


def percentiles(norms: Array) -> list[float]:
    """The `PERCENTILES`, as numpy.percentile has them, which takes ten times as long over so few."""
    ordered = np.sort(norms)
    return [_between(ordered, (len(ordered) - 1) * p / 100) for p in PERCENTILES]


def _between(ordered: Array, place: float) -> float:
    """What lies at a place between two entries; an infinite one has no part in what lies at another."""
    below = int(place)
    low, share = float(ordered[below]), place - below
    if share == 0:
        return low
    high = float(ordered[below + 1])
    return low if low == high else low * (1 - share) + high * share
