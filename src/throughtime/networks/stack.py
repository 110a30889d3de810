"""Layers of one cell over time: forward, and back under any truncation."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.deltas import differentiate_layer
from throughtime.networks.dropout import Dropout, Masks, masked
from throughtime.networks.inputs import Input, Vectors
from throughtime.networks.omega import Terms
from throughtime.networks.trace import NOWHERE, LayerTrace, Trace
from throughtime.networks.units import join_units
from throughtime.networks.ways_back import through_all_time, through_window
from throughtime.sweeps.slots import for_cell
from throughtime.sweeps.unroll import unroll
from throughtime.truncation import Truncation


@dataclass
class Gradients:
    """What a way back found.

    params: by name, each a `throughtime.optim.structured.Gradient`. dinput: one, too, of the vectors or the table read. dstate: (STATES, num_layers, B, H), of the initial state.
    omega: terms of Omega, where they were wanted, by the name of the recurrent weight.
    """

    params: dict[str, Any]
    dinput: Any
    dstate: Array
    omega: dict[str, Terms] = field(default_factory=dict)


class Layers(Protocol):
    """What layers of one direction and of both have in common. A trace is for the layers that made it."""

    dropout: Dropout
    dtype: Any

    def __init__(
        self, cell: Cell, hidden_size: int, num_layers: int, dropout: Dropout, dtype: Any
    ) -> None: ...

    def masks(self, T: int, B: int, training: bool) -> Masks:
        """What dropout multiplies by in one forward pass, drawn now."""

    def forward(
        self,
        params: dict[str, Array],
        source: Input,
        state: Array | None,
        reset: Array | None,
        lengths: Array | None,
        masks: Masks,
        workspace: Workspace,
    ) -> tuple[Array, Array, Any]:
        """y (T, B, directions * H), the last state (STATES, directions * num_layers, B, H), and the trace."""

    def backward(
        self,
        params: dict[str, Array],
        trace: Any,
        dy: Array | None,
        dstate: Array | None,
        truncation: Truncation,
        workspace: Workspace,
        wanted: bool = True,
        omega: bool = False,
        spend: bool = False,
    ) -> Gradients:
        """Gradients from dy and that of the last state; None stands for zeros.

        With `omega`, terms of Omega, too: where the sweep goes through all time and the last state has no gradient.
        With `spend` the trace may be lost, which is faster: it cannot be gone back over again.
        """


class Stack:
    """Layers of one cell. Arguments are arrays already found right: `throughtime.networks.layer` validates."""

    def __init__(self, cell: Cell, hidden_size: int, num_layers: int, dropout: Dropout, dtype: Any) -> None:
        self.cell, self.H, self.num_layers = cell, hidden_size, num_layers
        self.dropout, self.dtype = dropout, np.dtype(dtype)

    def masks(self, T: int, B: int, training: bool) -> Masks:
        """One (T, B, H) for each layer but the last; None for each while not training."""
        shape = T, B, self.H
        return [
            self.dropout.mask(shape, self.dtype) if training else None for _ in range(self.num_layers - 1)
        ]

    def forward(
        self,
        params: dict[str, Array],
        source: Input,
        state: Array | None,
        reset: Array | None,
        lengths: Array | None,
        masks: Masks,
        workspace: Workspace,
    ) -> tuple[Array, Array, Trace]:
        """y (T, B, H), the last state (STATES, num_layers, B, H), and the trace."""
        T, B, H, dtype = source.T, source.B, self.H, self.dtype
        G, S = len(self.cell.gates), len(self.cell.states)
        recurrence = workspace.products.recurrence(T, dtype)
        sweep = for_cell(unroll, self.cell, recurrence=recurrence)
        padding = None if lengths is None else np.arange(T)[:, None] >= lengths
        if padding is not None:
            source = source.without(padding)
        trace = Trace(
            owner=self,
            cell=self.cell,
            layers=[],
            reset=NOWHERE if reset is None else reset if padding is None else reset & ~padding,
            lengths=np.full(B, T) if lengths is None else lengths,
            padding=padding,
        )
        final = np.empty((S, self.num_layers, B, H), dtype)
        mask: Array | None = None
        for k in range(self.num_layers):
            kept = workspace.empty(f"kept_{k}", (T, B, G, H), dtype)
            source.project(params[f"weight_ih_l{k}"], kept.reshape(T * B, G * H), workspace)
            recurrent = workspace.empty(f"recurrent_{k}", (T if self.cell.apart else 1, B, G, H), dtype)
            states = workspace.empty(f"states_{k}", (S, T + 1, B, H), dtype)
            states[:, 0] = 0 if state is None else state[:, k]
            entering = states if reset is None else workspace.empty(f"entering_{k}", states.shape, dtype)
            layer = LayerTrace(
                source, mask, kept, recurrent, join_units(self.cell, params, k), entering, states
            )
            weight = recurrence.forward(params[f"weight_hh_l{k}"], workspace)
            sweep(*layer.swept, trace.reset, trace.lengths, weight)
            trace.layers.append(layer)
            final[:, k] = states[:, T]
            y = states[0, 1:]
            if padding is not None:
                y = np.where(padding[:, :, None], dtype.type(0), y)
            if k + 1 < self.num_layers:
                mask = masks[k]
                source = Vectors(masked(y, mask))
        return y, final, trace

    def backward(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array | None,
        dstate: Array | None,
        truncation: Truncation,
        workspace: Workspace,
        wanted: bool = True,
        omega: bool = False,
        spend: bool = False,
    ) -> Gradients:
        """Gradients from dy (T, B, H) and that of the last state; None stands for zeros."""
        T, B, H = trace.T, trace.B, self.H
        if dy is None:
            dy = workspace.zeros("dy", (T, B, H), self.dtype)
        if dstate is None:
            dstate = np.zeros((len(self.cell.states), self.num_layers, B, H), self.dtype)
        window = truncation.window(T)
        if window is None:
            swept = through_all_time(params, trace, dy, dstate, truncation, workspace, omega, spend)
        else:
            swept = through_window(params, trace, dy, dstate, window, workspace)
        grads = Gradients({}, None, swept.dstate, swept.omega)
        for k in reversed(range(self.num_layers)):
            layer, deltas = trace.layers[k], swept.deltas[k]
            found, grads.dinput = differentiate_layer(
                self.cell, params, k, layer, deltas, workspace, wanted and k == 0
            )
            grads.params |= found
        return grads
