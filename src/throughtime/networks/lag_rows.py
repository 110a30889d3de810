"""Gradients of output steps, each apart, on their way back through all layers, lag by lag."""

from typing import Protocol

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.deltas import Deltas
from throughtime.networks.trace import Trace
from throughtime.sweeps.lags import lag
from throughtime.sweeps.slots import for_cell


class Meeting(Protocol):
    """What happens in one layer at one lag before the sweep goes on."""

    def __call__(self, rows: "LagRows", back: int, first: int, k: int, above: Array) -> None:
        """Let `above` (R, H), which has come from the layer above in the rows from `first` on, join rows.dh[k].

        It is (0, H) in the last layer.
        """


class LagRows:
    """The rows of `throughtime.sweeps.lags`, of all layers.

    Parameters
    ----------
    params : dict of str to ndarray
        The layers', by PyTorch's names.
    trace : Trace
    steps, sequences : (R,) of int
        The origins, in the order of their steps.
    workspace : Workspace

    Attributes
    ----------
    dh : list of (R, H), dstate : list of (STATES, R, H)
        Layer by layer what moves; zero at first.
    deltas : list of Deltas
        Layer by layer (R, GATES, H): what the last lag left.
    """

    def __init__(
        self, params: dict[str, Array], trace: Trace, steps: Array, sequences: Array, workspace: Workspace
    ) -> None:
        self.params, self.trace, self.steps, self.sequences = params, trace, steps, sequences
        self.workspace = workspace
        R, cell = len(steps), trace.cell
        self.dh, self.dstate, self.deltas = [], [], []
        for k, layer in enumerate(trace.layers):
            _, _, G, H = layer.kept.shape
            dtype, room = layer.kept.dtype, workspace.part(f"rows of layer {k}")
            self.dh.append(room.zeros("dh", (R, H), dtype))
            self.dstate.append(room.zeros("dstate", (len(cell.states), R, H), dtype))
            self.deltas.append(
                Deltas(
                    room.empty("delta", (R, G, H), dtype),
                    room.empty("delta of the recurrent half", (R if cell.apart else 0, G, H), dtype),
                    np.zeros_like(layer.unit),
                )
            )
        self._recurrence = workspace.products.of_rows()
        self._weights = [
            self._recurrence.backward(params[f"weight_hh_l{k}"], workspace.part(f"rows of layer {k}"))
            for k in range(len(trace.layers))
        ]

    def first(self, back: int) -> int:
        """The first row that has not come to the initial state before this lag."""
        return int(np.searchsorted(self.steps, back))

    def go(self, back: int, last: bool, meeting: Meeting, sums: list[Deltas] | None = None) -> None:
        """Take all rows through the steps that lie `back` before their origins, the layers from the top down.

        Parameters
        ----------
        back, last : as `throughtime.sweeps.lags.lag` has them
        meeting : Meeting
        sums : list of Deltas, optional
            Layer by layer (T, B, GATES, H): where deltas are added up by step.
        """
        first, trace = self.first(back), self.trace
        if first == len(self.steps):  # all have come to the initial state
            return
        sweep = for_cell(lag, trace.cell, sums is not None, recurrence=self._recurrence)
        for k in reversed(range(len(trace.layers))):
            moving = self.deltas[k]
            summed = moving if sums is None else sums[k]
            # Where nothing is summed the sweep does not look at these; by step they have one axis more.
            by_step = (summed.input, summed.apart) if sums else (moving.input[None], moving.apart[None])
            meeting(self, back, first, k, self._from_above(k, back, first))
            sweep(
                back,
                first,
                last,
                self.steps,
                self.sequences,
                *trace.layers[k].swept,
                trace.reset,
                self._weights[k],
                self.dh[k],
                self.dstate[k],
                moving.input,
                moving.apart,
                *by_step,
                summed.unit,
            )

    def _from_above(self, k: int, back: int, first: int) -> Array:
        """(R, H): what reaches layer k's h from the layer above at the same step; (0, H) in the last layer."""
        R, H = self.dh[k].shape
        dtype = self.dh[k].dtype
        if k + 1 == len(self.trace.layers):
            return np.empty((0, H), dtype)
        above = self.workspace.empty("above", (R, H), dtype)
        delta = self.deltas[k + 1].input[first:].reshape(R - first, -1)
        self.workspace.multiply(delta, self.params[f"weight_ih_l{k + 1}"], above[first:])
        mask = self.trace.layers[k + 1].mask
        if mask is not None:
            above[first:] *= mask[self.steps[first:] - back, self.sequences[first:]]
        return above
