"""The measurement itself: norms of output steps' own gradients, lag by lag and layer by layer."""

from typing import NamedTuple

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing
from throughtime.networks.lag_rows import LagRows
from throughtime.networks.network import StepGradients
from throughtime.sweeps.meet import NOTHING, meet
from throughtime.sweeps.slots import for_cell

PERCENTILES = 10, 50, 90
_SHARES = np.array(PERCENTILES) / 100


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


def measure(found: StepGradients, max_lag: int, buffers: Buffers) -> Measured:
    """Take the gradients of output steps back over lags 0..max_lag, each apart.

    An origin is counted at a lag if the step there lies in its sequence, and no reset in between.
    """
    with computing(), np.errstate(over="ignore", invalid="ignore"):
        meeting = _Meeting(found, max_lag, buffers)
        rows = LagRows(found.params, found.trace, found.steps, found.sequences, buffers.part("rows"))
        rows.dh[-1][...] = found.dy
        for back in range(max_lag + 1):
            rows.go(back, back == max_lag, meeting)
        return meeting.measured


class _Meeting:
    """Measures each layer's rows at each lag, in the order in which `LagRows.go` comes to them."""

    def __init__(self, found: StepGradients, max_lag: int, buffers: Buffers) -> None:
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
        # Nothing has come to the lower layers yet, and no scale of theirs may hold down what will.
        self._exponents = [np.full(R, NOTHING if k + 1 < layers else 0, np.int64) for k in range(layers)]
        self._smallest = int(np.finfo(dtype).minexp)
        self._seen = np.empty((len(cell.states), found.dy.shape[1]), dtype)
        self._norms = buffers.empty("norms", (len(cell.states), R), np.float64)
        self._lost = buffers.empty("lost", (R,), np.int64)
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
            self._exponents[k if top else k + 1],
            rows.dh[k],
            rows.dstate[k],
            self._exponents[k],
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


def _percentiles(norms: Array) -> Array:
    """As numpy.percentile has them, which takes ten times as long over so few."""
    ordered = np.sort(norms)
    place = (len(ordered) - 1) * _SHARES
    below = place.astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = place - below
    low, high = ordered[below], ordered[above]
    found: Array = np.where(low == high, low, low * (1 - share) + high * share)  # of two infinite ones, too
    return found
