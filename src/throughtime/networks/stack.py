"""Layers of one cell over time: forward, and back under any truncation."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.products import multiply, pack_backward, pack_forward
from throughtime.networks.dropout import Dropout
from throughtime.networks.inputs import Input, Vectors
from throughtime.sweeps.lags import lag
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell
from throughtime.sweeps.unroll import unroll
from throughtime.truncation import Truncation

NOWHERE: Array = np.zeros((0, 0), np.bool_)


@dataclass
class LayerTrace:
    """What one layer leaves for the way back; shapes as in `throughtime.sweeps.unroll`."""

    source: Input
    mask: Array | None  # dropout's, on this layer's input
    kept: Array
    recurrent: Array
    unit: Array
    entering: Array
    states: Array

    @property
    def swept(self) -> tuple[Array, ...]:
        """What every sweep back over the layer begins with."""
        return self.kept, self.recurrent, self.unit, self.entering, self.states


@dataclass
class Trace:
    """What a forward pass leaves for the way back. It owns its buffers, so it can be gone back over more than once.

    The parameters must be those of the forward pass when it is.
    """

    owner: object
    layers: list[LayerTrace]
    reset: Array
    lengths: Array
    padding: Array | None  # (T, B) of bool: beyond a sequence's end

    @property
    def T(self) -> int:
        return self.layers[0].source.T

    @property
    def B(self) -> int:
        return self.layers[0].source.B


@dataclass
class Gradients:
    """params: by name. dinput: of the vectors or the table read. dstate: (STATES, num_layers, B, H), of the initial state."""

    params: dict[str, Array]
    dinput: Array | None
    dstate: Array


@dataclass
class _Deltas:
    """Gradients of one layer's pre-activations, by step, and of what its units have of their own."""

    input: Array  # (T, B, GATES, H)
    recurrent: Array  # the same where halves stay apart, otherwise (0, B, GATES, H)
    unit: Array  # (UNIT, H)


class Layers(Protocol):
    """What layers of one direction and of both have in common. A trace is for the layers that made it."""

    dropout: Dropout
    dtype: Any

    def __init__(
        self, cell: Cell, hidden_size: int, num_layers: int, dropout: Dropout, dtype: Any
    ) -> None: ...

    def forward(
        self,
        params: dict[str, Array],
        source: Input,
        state: Array | None,
        reset: Array | None,
        lengths: Array | None,
        training: bool,
        buffers: Buffers,
    ) -> tuple[Array, Array, Any]:
        """y (T, B, directions * H), the last state (STATES, directions * num_layers, B, H), and the trace."""

    def backward(
        self,
        params: dict[str, Array],
        trace: Any,
        dy: Array | None,
        dstate: Array | None,
        truncation: Truncation,
        buffers: Buffers,
        wanted: bool = True,
    ) -> Gradients:
        """Gradients from dy and that of the last state; None stands for zeros."""


class Stack:
    """Layers of one cell. Arguments are arrays already found right: `throughtime.networks.layer` validates."""

    def __init__(self, cell: Cell, hidden_size: int, num_layers: int, dropout: Dropout, dtype: Any) -> None:
        self.cell, self.H, self.num_layers = cell, hidden_size, num_layers
        self.dropout, self.dtype = dropout, np.dtype(dtype)
        self.G, self.P, self.S = len(cell.gates), cell.apart, len(cell.states)

    @cached_property
    def _unroll(self) -> Any:
        return for_cell(unroll, self.cell)

    @cached_property
    def _reverse(self) -> Any:
        return for_cell(reverse, self.cell)

    @cached_property
    def _lag(self) -> Any:
        return for_cell(lag, self.cell)

    def forward(
        self,
        params: dict[str, Array],
        source: Input,
        state: Array | None,
        reset: Array | None,
        lengths: Array | None,
        training: bool,
        buffers: Buffers,
    ) -> tuple[Array, Array, Trace]:
        """y (T, B, H), the last state (STATES, num_layers, B, H), and the trace."""
        T, B, G, H, S = source.T, source.B, self.G, self.H, self.S
        padding = None if lengths is None else np.arange(T)[:, None] >= lengths
        if padding is not None:
            source = source.without(padding)
        trace = Trace(
            owner=self,
            layers=[],
            reset=NOWHERE if reset is None else reset if padding is None else reset & ~padding,
            lengths=np.full(B, T) if lengths is None else lengths,
            padding=padding,
        )
        final = np.empty((S, self.num_layers, B, H), self.dtype)
        mask: Array | None = None
        for k in range(self.num_layers):
            kept = buffers.empty(f"kept_{k}", (T, B, G, H), self.dtype)
            source.project(params[f"weight_ih_l{k}"], kept.reshape(T * B, G * H), buffers)
            recurrent = buffers.empty(f"recurrent_{k}", (T if self.P else 1, B, G, H), self.dtype)
            states = buffers.empty(f"states_{k}", (S, T + 1, B, H), self.dtype)
            states[:, 0] = 0 if state is None else state[:, k]
            entering = states if reset is None else buffers.empty(f"entering_{k}", states.shape, self.dtype)
            layer = LayerTrace(source, mask, kept, recurrent, self._unit(params, k), entering, states)
            packed = pack_forward(params[f"weight_hh_l{k}"], T)
            self._unroll(*layer.swept, trace.reset, trace.lengths, packed)
            trace.layers.append(layer)
            final[:, k] = states[:, T]
            y = states[0, 1:]
            if padding is not None:
                y = np.where(padding[:, :, None], self.dtype.type(0), y)
            if k + 1 < self.num_layers:
                mask = self.dropout.mask(y.shape, self.dtype) if training else None
                source = Vectors(masked(y, mask))
        return y, final, trace

    def backward(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array | None,
        dstate: Array | None,
        truncation: Truncation,
        buffers: Buffers,
        wanted: bool = True,
    ) -> Gradients:
        """Gradients from dy (T, B, H) and that of the last state; None stands for zeros."""
        T, B, H = trace.T, trace.B, self.H
        if dy is None:
            dy = buffers.zeros("dy", (T, B, H), self.dtype)
        last = np.zeros((self.S, self.num_layers, B, H), self.dtype) if dstate is None else dstate.copy()
        cut = _cuts(truncation, trace)
        grads = Gradients({}, None, last)
        window = truncation.window(T)
        if window is None:
            self._through_all_time(params, trace, dy, cut, buffers, grads, wanted)
        else:
            self._through_window(params, trace, dy, cut, window, buffers, grads, wanted)
        return grads

    def _through_all_time(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array,
        cut: Array,
        buffers: Buffers,
        grads: Gradients,
        wanted: bool,
    ) -> None:
        """Layer by layer from the top, one reverse sweep each."""
        for k in reversed(range(self.num_layers)):
            layer = trace.layers[k]
            deltas = self._deltas(layer, buffers.part("layer"))
            dstate = np.ascontiguousarray(grads.dstate[:, k])
            packed = pack_backward(params[f"weight_hh_l{k}"])
            dh = np.empty((trace.B, self.H), self.dtype)
            self._reverse(
                *layer.swept,
                cut,
                trace.lengths,
                dy,
                packed,
                dstate,
                deltas.input,
                deltas.recurrent,
                deltas.unit,
                dh,
            )
            grads.dstate[:, k] = dstate
            grads.dinput = self._differentiate(params, k, layer, deltas, buffers, grads, wanted or k > 0)
            if k and grads.dinput is not None:
                dy = masked(grads.dinput, layer.mask)

    def _through_window(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array,
        cut: Array,
        window: int,
        buffers: Buffers,
        grads: Gradients,
        wanted: bool,
    ) -> None:
        """Lag by lag, and within a lag through the layers from the top down; all origins at once."""
        T, B, G, H = trace.T, trace.B, self.G, self.H
        layers = range(self.num_layers)
        parts = [buffers.part(f"layer {k}") for k in layers]
        dh = [part.zeros("dh", (T, B, H), self.dtype) for part in parts]
        dstate = [part.zeros("dstate", (self.S, T, B, H), self.dtype) for part in parts]
        moving = [self._deltas(layer, part) for layer, part in zip(trace.layers, parts, strict=True)]
        summed = [
            self._deltas(layer, part.part("summed")) for layer, part in zip(trace.layers, parts, strict=True)
        ]
        for deltas in summed:
            deltas.input[...] = deltas.recurrent[...] = 0
        above = buffers.empty("above", (T * B, H), self.dtype)
        packed = [pack_backward(params[f"weight_hh_l{k}"]) for k in layers]

        dh[-1][...] = dy if trace.padding is None else np.where(trace.padding[:, :, None], 0, dy)
        # The gradient of a sequence's last state belongs to its last step, as an output there would.
        ends, sequences = trace.lengths - 1, np.arange(B)
        for k in layers:
            dstate[k][:, ends, sequences] = grads.dstate[:, k]
            grads.dstate[:, k] = 0

        for back in range(window + 1):
            for k in reversed(layers):
                layer = trace.layers[k]
                if k + 1 < self.num_layers:
                    rows = (T - back) * B
                    delta = moving[k + 1].input[back:].reshape(rows, G * H)
                    multiply(delta, params[f"weight_ih_l{k + 1}"], above[:rows])
                    mask = trace.layers[k + 1].mask
                    from_above = above[:rows].reshape(T - back, B, H)
                    dh[k][back:] += masked(from_above, None if mask is None else mask[: T - back])
                self._lag(
                    back,
                    back == window,
                    *layer.swept,
                    cut,
                    trace.lengths,
                    packed[k],
                    dh[k],
                    dstate[k],
                    moving[k].input,
                    moving[k].recurrent,
                    summed[k].input,
                    summed[k].recurrent,
                    summed[k].unit,
                )
                if back < window:  # origin `back` has come to the initial state
                    grads.dstate[:, k] += dstate[k][:, back]
                    grads.dstate[0, k] += dh[k][back]
        for k in reversed(layers):
            grads.dinput = self._differentiate(
                params, k, trace.layers[k], summed[k], buffers, grads, wanted and k == 0
            )

    def _deltas(self, layer: LayerTrace, buffers: Buffers) -> _Deltas:
        """Room for a layer's deltas; those of its units begin at zero."""
        T, B, G, H = layer.kept.shape
        return _Deltas(
            buffers.empty("delta", (T, B, G, H), self.dtype),
            buffers.empty("delta of the recurrent half", (T if self.P else 0, B, G, H), self.dtype),
            np.zeros_like(layer.unit),
        )

    def _differentiate(
        self,
        params: dict[str, Array],
        k: int,
        layer: LayerTrace,
        deltas: _Deltas,
        buffers: Buffers,
        grads: Gradients,
        wanted: bool,
    ) -> Array | None:
        """Gradients of layer k's parameters, one product for each weight; return that of its input."""
        T, B, G, H = deltas.input.shape
        P, dunit = self.P, deltas.unit
        da = deltas.input.reshape(T * B, G * H)
        dr = deltas.recurrent.reshape(T * B, G * H) if P else da
        for name in (f"weight_ih_l{k}", f"weight_hh_l{k}"):
            grads.params[name] = _empty_as(buffers, f"d{name}", params[name])
        entered = layer.entering[0, :T].reshape(T * B, H)
        multiply(dr.T, entered, grads.params[f"weight_hh_l{k}"])
        if f"bias_ih_l{k}" in params:
            grads.params[f"bias_ih_l{k}"] = dunit[:G].ravel()
            grads.params[f"bias_hh_l{k}"] = np.concatenate([dunit[: G - P], dunit[G : G + P]]).ravel()
        for name, row in zip(self.cell.parameters, dunit[G + P :], strict=True):
            grads.params[f"{name}_l{k}"] = row
        weight = f"weight_ih_l{k}"
        return layer.source.differentiate(da, params[weight], grads.params[weight], buffers, wanted)

    def _unit(self, params: dict[str, Array], k: int) -> Array:
        """What each unit has of its own: biases as the sweeps add them, then the cell's parameters."""
        G, P, H = self.G, self.P, self.H
        unit = np.zeros((G + P + len(self.cell.parameters), H), self.dtype)
        if f"bias_ih_l{k}" in params:
            b_ih, b_hh = params[f"bias_ih_l{k}"].reshape(G, H), params[f"bias_hh_l{k}"].reshape(G, H)
            unit[:G] = b_ih
            unit[: G - P] += b_hh[: G - P]
            unit[G : G + P] = b_hh[G - P :]
        for row, name in enumerate(self.cell.parameters, start=G + P):
            unit[row] = params[f"{name}_l{k}"]
        return unit


def masked(array: Array, mask: Array | None) -> Array:
    """array * mask, where there is a mask."""
    return array if mask is None else array * mask


def _cuts(truncation: Truncation, trace: Trace) -> Array:
    edges = truncation.cuts(trace.T)
    if edges is None:
        return trace.reset
    cut = np.repeat(edges[:, None], trace.B, axis=1)
    if trace.padding is not None:
        cut &= ~trace.padding  # the last state of a sequence belongs to its last step, however long the batch
    return cut | trace.reset if trace.reset.size else cut


def _empty_as(buffers: Buffers, name: str, like: Array) -> Array:
    """An array of `like`'s shape, type and memory order."""
    if like.flags.c_contiguous:
        return buffers.empty(name, like.shape, like.dtype)
    return buffers.empty(name, like.T.shape, like.dtype).T
