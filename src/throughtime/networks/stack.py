"""Layers of one cell over time: forward, and back under any truncation."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.products import multiply, pack_backward, pack_forward
from throughtime.networks.dropout import Dropout, Masks
from throughtime.networks.inputs import Input, Vectors
from throughtime.networks.omega import Terms, find_terms
from throughtime.networks.trace import NOWHERE, LayerTrace, Trace
from throughtime.sweeps.lags import lag
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell
from throughtime.sweeps.unroll import unroll
from throughtime.truncation import Segment, Truncation, passes


@dataclass
class Gradients:
    """What a way back found.

    params: by name. dinput: of the vectors or the table read. dstate: (STATES, num_layers, B, H), of the initial state.
    omega: terms of Omega, where they were wanted, by the name of the recurrent weight.
    """

    params: dict[str, Array]
    dinput: Array | None
    dstate: Array
    omega: dict[str, Terms] = field(default_factory=dict)


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
        omega: bool = False,
    ) -> Gradients:
        """Gradients from dy and that of the last state; None stands for zeros.

        With `omega`, terms of Omega, too: for the plain RNN swept through all time, and no gradient of the last state.
        """


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
        buffers: Buffers,
        wanted: bool = True,
        omega: bool = False,
    ) -> Gradients:
        """Gradients from dy (T, B, H) and that of the last state; None stands for zeros."""
        T, B, H = trace.T, trace.B, self.H
        if dy is None:
            dy = buffers.zeros("dy", (T, B, H), self.dtype)
        last = np.zeros((self.S, self.num_layers, B, H), self.dtype) if dstate is None else dstate.copy()
        grads = Gradients({}, None, last)
        window = truncation.window(T)
        if window is None:
            self._through_all_time(params, trace, dy, truncation, buffers, grads, wanted, omega)
        else:
            self._through_window(params, trace, dy, window, buffers, grads, wanted)
        return grads

    def _through_all_time(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array,
        truncation: Truncation,
        buffers: Buffers,
        grads: Gradients,
        wanted: bool,
        omega: bool,
    ) -> None:
        """Segments that do not overlap at once, and for these through the layers from the top down, one sweep each."""
        B, H = trace.B, self.H
        layers = range(self.num_layers)
        parts = [buffers.part(f"layer {k}") for k in layers]
        summed = [self._deltas(layer, part) for layer, part in zip(trace.layers, parts, strict=True)]
        packed = [pack_backward(params[f"weight_hh_l{k}"]) for k in layers]
        dh = np.empty((B, H), self.dtype)
        dlast, grads.dstate = grads.dstate, np.zeros_like(grads.dstate)
        for number, segments in enumerate(passes(truncation.segments(trace.T))):
            cut, scored = trace.cuts(segments), _scored(segments, trace.T)
            # The gradient of a sequence's last state belongs to its last step, as an output there would.
            dstates = np.where(scored[trace.lengths - 1][:, None], dlast, 0)
            above = dy if scored.all() else np.where(scored[:, None, None], dy, 0)
            for k in reversed(layers):
                layer, total = trace.layers[k], summed[k]
                found = total if number == 0 else self._deltas(layer, buffers.part("pass"))
                dstate = np.ascontiguousarray(dstates[:, k])
                self._reverse(
                    *layer.swept,
                    cut,
                    trace.lengths,
                    above,
                    packed[k],
                    dstate,
                    found.input,
                    found.recurrent,
                    total.unit,
                    dh,
                )
                grads.dstate[:, k] += dstate
                if omega:
                    name = f"weight_hh_l{k}"
                    terms = find_terms(
                        found.input[:, :, 0], above, params[name], cut, trace.lengths, buffers.part("omega")
                    )
                    grads.omega[name] = terms.joined(grads.omega.get(name))
                if found is not total:
                    total.input += found.input
                    total.recurrent += found.recurrent
                if k:
                    rows = found.input.reshape(trace.T * B, -1)
                    dinput = buffers.empty("dinput", (trace.T * B, H), self.dtype)
                    multiply(rows, params[f"weight_ih_l{k}"], dinput)
                    above = masked(dinput.reshape(trace.T, B, H), layer.mask)
        self._differentiate_all(params, trace, summed, buffers, grads, wanted)

    def _through_window(
        self,
        params: dict[str, Array],
        trace: Trace,
        dy: Array,
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
                    trace.reset,
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
        self._differentiate_all(params, trace, summed, buffers, grads, wanted)

    def _deltas(self, layer: LayerTrace, buffers: Buffers) -> _Deltas:
        """Room for a layer's deltas; those of its units begin at zero."""
        T, B, G, H = layer.kept.shape
        return _Deltas(
            buffers.empty("delta", (T, B, G, H), self.dtype),
            buffers.empty("delta of the recurrent half", (T if self.P else 0, B, G, H), self.dtype),
            np.zeros_like(layer.unit),
        )

    def _differentiate_all(
        self,
        params: dict[str, Array],
        trace: Trace,
        summed: list[_Deltas],
        buffers: Buffers,
        grads: Gradients,
        wanted: bool,
    ) -> None:
        """What all sweeps together found, one product for each weight."""
        for k in reversed(range(self.num_layers)):
            grads.dinput = self._differentiate(
                params, k, trace.layers[k], summed[k], buffers, grads, wanted and k == 0
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


def _scored(segments: list[Segment], T: int) -> Array:
    """(T,) of bool: the steps whose losses these segments differentiate."""
    scored = np.zeros(T, np.bool_)
    for segment in segments:
        scored[segment.scored : segment.stop] = True
    return scored


def _empty_as(buffers: Buffers, name: str, like: Array) -> Array:
    """An array of `like`'s shape, type and memory order."""
    if like.flags.c_contiguous:
        return buffers.empty(name, like.shape, like.dtype)
    return buffers.empty(name, like.T.shape, like.dtype).T
