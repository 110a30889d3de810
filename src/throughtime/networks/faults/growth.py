"""How a vector grows on its way back through the Jacobians of the layers' state, dh_t/dh_{t-1}."""

import math
from dataclasses import dataclass

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.networks.faults.steps import Batch, LayerStep, Steps
from throughtime.networks.network import Network

_DIRECTIONS = 4


@dataclass(frozen=True)
class Growth:
    """What the Jacobian product did to the vector that grew most among a few random ones.

    A lower bound of the product's norm, close to it as soon as the product leans to one direction.

    Attributes
    ----------
    log10 : float
        Of the factor over all `steps`; -inf where nothing came through.
    steps : int
        How many Jacobians, one a time step.
    peak_log10, peak_steps : float, int
        The greatest factor on the way, and after how many steps it was reached.
    start, stop : int
        The Jacobians are those of steps start..stop - 1, gone through from the last to the first.
    sequence : int
    """

    log10: float
    steps: int
    peak_log10: float
    peak_steps: int
    start: int
    stop: int
    sequence: int

    @property
    def per_step(self) -> float:
        """The factor of one step, as the geometric mean of all of them."""
        return float(10 ** min(self.log10 / self.steps, 300.0))

    def __str__(self) -> str:
        steps = "one step" if self.steps == 1 else f"{self.steps} steps ({self.per_step:.3g} a step)"
        whole = f"10^{round(self.log10, 1) + 0.0} over {steps}"  # no minus zero
        if self.peak_steps == self.steps or self.peak_log10 < 0:
            return whole
        return f"{whole}, at most 10^{self.peak_log10:.1f} after {self.peak_steps}"


def measure_growth(
    model: Network, batch: Batch, sequences: list[int], start: int, stop: int, seed: int = 0
) -> Growth | None:
    """The greatest growth among some sequences, in float64, over the Jacobians of steps start..stop - 1.

    Where values overflow in float64, too, it begins at the last step that is finite; it ends at a reset.

    Parameters
    ----------
    model : Network
        In any type; its parameters are read as they are.
    seed : int
        Of the directions. Each has length 1 at the end, and again after every step: logarithms of its lengths are summed.

    Returns
    -------
    Growth, or None where not even one step is finite
    """
    exact = model.astype("float64")
    batch = batch.of(sequences).astype(np.float64)
    # What overflows or is NaN ends the measurement; it need not be said.
    with computing(), np.errstate(all="ignore"):
        steps = Steps(exact)
        path, finite = _path(steps, batch, stop)
        rng = np.random.default_rng(seed)
        found = [
            _carried(
                steps,
                batch,
                path,
                finite,
                start,
                rng.standard_normal((steps.S, steps.layers, batch.B, steps.H)),
            )
            for _ in range(_DIRECTIONS)
        ]
    best: Growth | None = None
    for grown in (growth for direction in found for growth in direction):
        if best is None or grown.peak_log10 > best.peak_log10:
            best = grown
    if best is None:
        return None
    return Growth(**{**best.__dict__, "sequence": sequences[best.sequence]})


def _path(steps: Steps, batch: Batch, stop: int) -> tuple[list[list[LayerStep]], Array]:
    """Every layer's values up to `stop`, and by sequence how many first steps are finite, (B,)."""
    state = steps.start(batch)
    path: list[list[LayerStep]] = []
    finite = np.zeros(batch.B, np.int64)
    sound = np.isfinite(state).all(axis=(0, 1, 3))
    for t in range(stop):
        source = steps.first_source(batch, t)
        layers: list[LayerStep] = []
        after = np.empty_like(state)
        for k in range(steps.layers):
            source = steps.next_source(batch, t, k - 1, layers[-1]) if k else source
            layers.append(steps.forward(batch, t, k, source, state[:, k]))
            after[:, k] = layers[-1].states[:, 1]
            sound &= np.isfinite(layers[-1].states).all(axis=(0, 1, 3))
            sound &= np.isfinite(layers[-1].kept[0]).all(axis=(1, 2))
        sound &= t < batch.lengths
        finite += sound
        state = after
        path.append(layers)
    return path, finite


def _carried(
    steps: Steps, batch: Batch, path: list[list[LayerStep]], finite: Array, start: int, vector: Array
) -> list[Growth]:
    """What became of one direction (STATES, num_layers, B, H), by sequence; none where no step is finite."""
    grown: list[Growth] = []
    B = batch.B
    vector = vector / _length(vector)[:, None]
    first = vector.copy()
    total, peak = np.zeros(B), np.full(B, -math.inf)
    count, peak_count = np.zeros(B, np.int64), np.zeros(B, np.int64)
    alive = np.ones(B, np.bool_)
    for t in range(len(path) - 1, start - 1, -1):
        # A sequence joins at its last finite step.
        vector = np.where((t >= finite - 1)[:, None] & (count == 0)[:, None], first, vector)
        vector = _back(steps, batch, t, path[t], vector)
        length = _length(vector)
        counted = alive & (t < finite) & np.isfinite(length) & ~batch.reset[t]
        alive &= counted | (t >= finite)
        total[counted] += np.log10(length[counted])
        count += counted
        better = counted & (total > peak)
        peak[better], peak_count[better] = total[better], count[better]
        vector = np.where((counted & (length > 0))[:, None], vector / length[:, None], 0)
    for b in np.flatnonzero(count):
        stop = int(min(finite[b], len(path)))
        n = int(count[b])
        grown.append(
            Growth(float(total[b]), n, float(peak[b]), int(peak_count[b]) or n, stop - n, stop, int(b))
        )
    return grown


def _back(steps: Steps, batch: Batch, t: int, layers: list[LayerStep], vector: Array) -> Array:
    """One Jacobian's transpose times `vector`, layer by layer from the top."""
    before = np.empty_like(vector)
    above = np.zeros((batch.B, steps.H))
    for k in reversed(range(steps.layers)):
        back = steps.backward(batch, t, k, layers[k], above, vector[:, k])
        before[:, k] = back.dstate
        above = steps.above(batch, t, k, back) if k else above
    return before


def _length(vector: Array) -> Array:
    """(B,): of all states and layers of each sequence together."""
    found: Array = np.sqrt((vector**2).sum(axis=(0, 1, 3)))
    return found
