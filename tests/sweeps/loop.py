"""The oracle of the sweeps: one unit, one sequence, one step at a time, in plain Python and float64."""

from dataclasses import dataclass

import numpy as np

from throughtime.machine.jit import python_function
from throughtime.machine.products import PLAIN
from throughtime.machine.workspace import Workspace
from throughtime.sweeps.lags import lag
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell
from throughtime.sweeps.unroll import unroll

NOWHERE = np.zeros((0, 0), bool)


@dataclass
class Layer:
    """One layer's arguments, and what each sweep makes of them."""

    cell: object
    T: int = 5
    B: int = 3
    H: int = 3
    resets: bool = False
    lengths: tuple | None = None
    dtype: type = np.float64
    seed: int = 0

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)

        def draw(*shape):
            return rng.standard_normal(shape).astype(self.dtype)

        self.G, self.P, self.S = len(self.cell.gates), self.cell.apart, len(self.cell.states)
        self.U = self.G + self.P + len(self.cell.parameters)
        T, B, H = self.T, self.B, self.H
        self.ax, self.unit = draw(T, B, self.G, H), draw(self.U, H)
        self.weight = draw(self.G * H, H)
        self.initial, self.dy, self.dlast = draw(self.S, B, H), draw(T, B, H), draw(self.S, B, H)
        self.reset = rng.random((T, B)) < 0.3 if self.resets else NOWHERE
        self.steps = np.full(B, T) if self.lengths is None else np.array(self.lengths)
        if self.resets:
            self.reset &= np.arange(T)[:, None] < self.steps

    # ------------------------------------------------------------------ the sweeps

    def unrolled(self, recurrence=PLAIN):
        """kept, recurrent, entering, states."""
        kept = self.ax.copy()
        recurrent = np.full((self.T if self.P else 1, *kept.shape[1:]), np.nan, self.dtype)
        states = np.full((self.S, self.T + 1, self.B, self.H), np.nan, self.dtype)
        states[:, 0] = self.initial
        entering = np.full_like(states, np.nan) if self.resets else states
        for_cell(unroll, self.cell, recurrence=recurrence)(
            kept,
            recurrent,
            self.unit,
            entering,
            states,
            self.reset,
            self.steps,
            recurrence.forward(self.weight, Workspace()),
        )
        return kept, recurrent, entering, states

    def reversed(self, dy, dlast, cut=None, in_place=False, recurrence=PLAIN):
        """Gradients of the pre-activations (T, B, G + P, H), of the initial state, of `unit`."""
        kept, recurrent, entering, states = self.unrolled(recurrence)
        da = kept if in_place else np.full_like(kept, np.nan)
        dr = recurrent if in_place else np.full_like(recurrent, np.nan)
        if not self.P:
            dr = dr[:0]
        dstate, dunit = dlast.copy(), np.zeros_like(self.unit)
        for_cell(reverse, self.cell, in_place=in_place, recurrence=recurrence)(
            kept,
            recurrent,
            self.unit,
            entering,
            states,
            self.reset if cut is None else cut,
            self.steps,
            dy,
            recurrence.backward(self.weight, Workspace()),
            dstate,
            da,
            dr,
            dunit,
            np.full((self.B, self.H), np.nan, self.dtype),
        )
        return self.joined(da, dr), dstate, dunit

    def lagged(self, dy, last, origins=None):
        """The same through lags 0..last, for losses at steps only; and dE_t/dh at each lag (last + 1, T, B, H).

        Of `origins` (T, B) alone, if they are given; what is no origin has NaN in the last of these.
        """
        kept, recurrent, entering, states = self.unrolled()
        real = np.arange(self.T)[:, None] < self.steps
        steps, sequences = np.nonzero(real if origins is None else real & origins)
        dh = dy[steps, sequences]
        dstate = np.zeros((self.S, *dh.shape), self.dtype)
        delta = np.full((len(steps), self.G, self.H), np.nan, self.dtype)
        delta_r = np.full((len(steps) if self.P else 0, self.G, self.H), np.nan, self.dtype)
        halves = (self.T if self.P else 0, *kept.shape[1:])
        da, dr, dunit = np.zeros_like(kept), np.zeros(halves, self.dtype), np.zeros_like(self.unit)
        reached, dinitial = [], np.zeros_like(self.initial)
        for back in range(last + 1):
            first = np.searchsorted(steps, back)
            reached.append(np.full(dy.shape, np.nan))
            reached[-1][steps[first:], sequences[first:]] = (dh + dstate[0])[first:]
            for_cell(lag, self.cell)(
                back,
                first,
                back == last,
                steps,
                sequences,
                kept,
                recurrent,
                self.unit,
                entering,
                states,
                self.reset,
                PLAIN.backward(self.weight, Workspace()),
                dh,
                dstate,
                delta,
                delta_r,
                da,
                dr,
                dunit,
            )
            if back < last:
                come = steps == back
                dinitial[:, sequences[come]] += dstate[:, come]
                dinitial[0, sequences[come]] += dh[come]
        return self.joined(da, dr), dinitial, dunit, np.array(reached)

    def joined(self, da, dr):
        """(T, B, G + P, H): inputs' halves, then those of the recurrence that stay apart."""
        return np.concatenate([da, dr[:, :, self.G - self.P :]], axis=2) if self.P else da

    # ------------------------------------------------------------------ the oracle

    def run(self):
        """States (S, T + 1, B, H), the state that entered each live step, and what it kept."""
        forward = python_function(self.cell.forward)
        states, entered, kept = np.zeros((self.S, self.T + 1, self.B, self.H)), {}, {}
        states[:, 0] = self.initial
        for b in range(self.B):
            for t in range(self.T):
                if t >= self.steps[b]:
                    states[:, t + 1, b] = states[:, t, b]
                    continue
                entering = states[:, t, b] * (0 if self.reset.size and self.reset[t, b] else 1)
                ah = (self.weight @ entering[0]).reshape(self.G, self.H)
                for j in range(self.H):
                    a = self.preactivations(self.ax[t, b, :, j], ah[:, j]) + self.unit[: self.G + self.P, j]
                    entered[t, b, j] = tuple(entering[:, j])
                    states[:, t + 1, b, j], kept[t, b, j] = forward(
                        tuple(a), entered[t, b, j], *self.unit[self.G + self.P :, j]
                    )
        return states, entered, kept

    def back(self, dy, dlast, cut=None):
        """As `reversed`."""
        backward = python_function(self.cell.backward)
        cut = self.reset if cut is None else cut
        states, entered, kept = self.run()
        da, dunit = np.zeros((self.T, self.B, self.G + self.P, self.H)), np.zeros(self.unit.shape)
        dinitial = np.zeros(self.initial.shape)
        for b in range(self.B):
            dstate = dlast[:, b].astype(float)
            for t in reversed(range(self.steps[b])):
                dstate[0] += dy[t, b]
                dbefore = np.zeros_like(dstate)
                for j in range(self.H):
                    da[t, b, :, j], dbefore[:, j], *dparameters = backward(
                        tuple(dstate[:, j]),
                        kept[t, b, j],
                        entered[t, b, j],
                        tuple(states[:, t + 1, b, j]),
                        *self.unit[self.G + self.P :, j],
                    )
                    dunit[:, j] += [*da[t, b, :, j], *dparameters]
                dah = np.concatenate([da[t, b, : self.G - self.P], da[t, b, self.G :]])
                dbefore[0] += dah.ravel() @ self.weight
                dstate = dbefore * (0 if cut.size and cut[t, b] else 1)
            dinitial[:, b] = dstate
        return da, dinitial, dunit

    def preactivations(self, ax, ah):
        summed = self.G - self.P
        return np.concatenate([ax[:summed] + ah[:summed], ax[summed:], ah[summed:]])
