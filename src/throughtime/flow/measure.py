"""The measurement itself: norms of output steps' own gradients, lag by lag and layer by layer."""

from typing import NamedTuple

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


def measure(found: StepGradients, max_lag: int, workspace: Workspace) -> Measured:
    """Take the gradients of output steps back over lags 0..max_lag, each apart.

    An origin is counted at a lag if the step there lies in its sequence, and no reset in between.
    """
    with computing(), np.errstate(over="ignore", invalid="ignore"):
        meeting = _Meeting(found, max_lag, workspace)
        rows = LagRows(found.params, found.trace, found.steps, found.sequences, workspace.part("rows"))
        scales = _scales(found.dy)
        half = scales // 2  # a factor for all of 2^127 would be no normal number
        one = found.dy.dtype.type(1)
        np.multiply(found.dy, np.ldexp(one, -half)[:, None], out=rows.dh[-1])
        rows.dh[-1] *= np.ldexp(one, half - scales)[:, None]
        meeting.exponents[-1][...] = scales
        for back in range(max_lag + 1):
            rows.go(back, back == max_lag, meeting)
        return meeting.measured


def _scales(dy: Array) -> Array:
    """(R,) of int32: the exponents that bring each row's largest entry to about 1; 0 where there is none to bring."""
    largest = np.abs(dy).max(axis=1)
    scales: Array = np.frexp(np.where(np.isfinite(largest), largest, 0))[1]
    return scales


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
        shape = layers, max_lag + 1
        self.measured = Measured(
            {name: np.full(shape, np.nan) for name in self._names},
            {name: np.full((len(PERCENTILES), *shape), np.nan) for name in self._names},
            np.zeros(max_lag + 1, np.int64),
            np.full(shape, np.nan),
        )
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
            self.measured.norms[name][k, back] = _mean(norms)
            self.measured.percentiles[name][:, k, back] = _percentiles(norms)
        self.measured.underflow[k, back] = self._lost[first:][there].sum() / (count * H)


def _mean(norms: Array) -> float:
    """The mean, also where the sum would be beyond all floats."""
    mean = float(norms.mean())
    if mean < np.inf:
        return mean
    largest = float(norms.max())
    return largest * float((norms / largest).mean()) if largest < np.inf else largest


def _percentiles(norms: Array) -> list[float]:
    """As numpy.percentile has them, which takes ten times as long over so few."""
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
