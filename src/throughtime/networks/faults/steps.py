"""A network one step and one layer at a time, by the same compiled equations as in training: slow, every value in sight."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.products import PLAIN
from throughtime.machine.workspace import Workspace
from throughtime.networks.inputs import Input, OneHot, TableRows, Vectors
from throughtime.networks.network import Network
from throughtime.networks.trace import NOWHERE
from throughtime.networks.units import join_units
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell
from throughtime.sweeps.unroll import unroll


@dataclass
class Batch:
    """What a step of training reads, checked, as models have it.

    Attributes
    ----------
    inputs : (T, B, I), or ids (T, B)
    state : (STATES, num_layers, B, H), or None for zeros
    reset : (T, B) of bool
    lengths : (B,) of int
    masks : one a layer, (T, B, H) or None
        Dropout's, on what each layer reads; None for the first.
    """

    inputs: Array
    state: Array | None
    reset: Array
    lengths: Array
    masks: list[Array | None]

    @property
    def T(self) -> int:
        return int(self.inputs.shape[0])

    @property
    def B(self) -> int:
        return int(self.inputs.shape[1])

    def astype(self, dtype: Any) -> "Batch":
        """The same numbers in another type."""
        return Batch(
            self.inputs.astype(dtype) if self.inputs.dtype.kind == "f" else self.inputs,
            None if self.state is None else self.state.astype(dtype),
            self.reset,
            self.lengths,
            [None if mask is None else mask.astype(dtype) for mask in self.masks],
        )

    def of(self, sequences: list[int]) -> "Batch":
        """Some of its sequences alone."""
        return Batch(
            np.ascontiguousarray(self.inputs[:, sequences]),
            None if self.state is None else self.state[:, :, sequences],
            self.reset[:, sequences],
            self.lengths[sequences],
            [None if mask is None else mask[:, sequences] for mask in self.masks],
        )


@dataclass
class LayerStep:
    """One layer at one step; arrays as `throughtime.sweeps.unroll` has them, with T = 1.

    Attributes
    ----------
    source : Input
        What the layer reads.
    projected, returning : (B, GATES, H)
        The two halves of the pre-activations, without bias.
    states : (STATES, 2, B, H)
        Before, as it enters, and after.
    """

    source: Input
    projected: Array
    returning: Array
    kept: Array
    recurrent: Array
    states: Array


@dataclass
class LayerBack:
    """What comes back over one layer at one step.

    Attributes
    ----------
    da, dr : (B, GATES, H)
        Gradients of the input halves and of the recurrent halves of the pre-activations.
    dunit : (UNIT, H)
    dh : (B, H)
        What reaches the state before through the recurrent weights.
    dstate : (STATES, B, H)
        All that reaches the state before.
    """

    da: Array
    dr: Array
    dunit: Array
    dh: Array
    dstate: Array


class Steps:
    """The layers of `model`, with parameters of its own type."""

    def __init__(self, model: Network, params: Mapping[str, Array] | None = None) -> None:
        self.model = model
        self.params = model.params if params is None else params
        self.layers = model.layers.num_layers
        self.cell, self.H, self.dtype = model.layers.cell, model.layers.hidden_size, model.dtype
        self.G, self.P, self.S = len(self.cell.gates), self.cell.apart, len(self.cell.states)
        self.weights = [self.params[f"rnn.weight_hh_l{k}"] for k in range(self.layers)]
        self._unroll, self._reverse = for_cell(unroll, self.cell), for_cell(reverse, self.cell)
        rooms = [Workspace() for _ in self.weights]
        self._there = [PLAIN.forward(*each) for each in zip(self.weights, rooms, strict=True)]
        self._back = [PLAIN.backward(*each) for each in zip(self.weights, rooms, strict=True)]
        own = {name.removeprefix("rnn."): array for name, array in self.params.items()}
        self.units = [join_units(self.cell, own, k) for k in range(self.layers)]
        self.workspace = Workspace()

    def start(self, batch: Batch) -> Array:
        """The state before the first step, (STATES, num_layers, B, H)."""
        if batch.state is not None:
            return batch.state
        return np.zeros((self.S, self.layers, batch.B, self.H), self.dtype)

    def first_source(self, batch: Batch, t: int) -> Input:
        """What the lowest layer reads at step t."""
        source = self.model._source(batch.inputs[t : t + 1])
        return source.without((t >= batch.lengths)[None])

    def forward(self, batch: Batch, t: int, k: int, source: Input, before: Array) -> LayerStep:
        """Layer k at step t, from the state (STATES, B, H) of the step before."""
        B, G, H = batch.B, self.G, self.H
        states = np.zeros((self.S, 2, B, H), self.dtype)
        states[:, 0] = np.where(batch.reset[t][:, None], self.dtype.type(0), before)
        kept = np.zeros((1, B, G, H), self.dtype)
        source.project(self.params[f"rnn.weight_ih_l{k}"], kept.reshape(B, G * H), self.workspace)
        projected = kept[0].copy()
        returning = (states[0, 0] @ self.weights[k].T).reshape(B, G, H)
        recurrent = np.zeros((1, B, G, H), self.dtype)
        running = (t < batch.lengths).astype(np.int64)
        self._unroll(kept, recurrent, self.units[k], states, states, NOWHERE, running, self._there[k])
        return LayerStep(source, projected, returning, kept, recurrent, states)

    def backward(
        self, batch: Batch, t: int, k: int, step: LayerStep, above: Array, dstate: Array
    ) -> LayerBack:
        """Back over layer k at step t, from dE/dh out of the layers above (B, H) and out of later steps (STATES, B, H)."""
        B, G, H = batch.B, self.G, self.H
        da, dr = np.zeros((1, B, G, H), self.dtype), np.zeros((1 if self.P else 0, B, G, H), self.dtype)
        dunit, dh = np.zeros_like(self.units[k]), np.zeros((B, H), self.dtype)
        dbefore = np.ascontiguousarray(dstate)
        dbefore = dbefore.copy() if dbefore is dstate else dbefore
        running = (t < batch.lengths).astype(np.int64)
        self._reverse(
            step.kept,
            step.recurrent,
            self.units[k],
            step.states,
            step.states,
            NOWHERE,
            running,
            np.ascontiguousarray(above[None]),
            self._back[k],
            dbefore,
            da,
            dr,
            dunit,
            dh,
        )
        dbefore[:, batch.reset[t]] = 0
        dh[batch.reset[t]] = 0
        return LayerBack(da[0], dr[0] if self.P else da[0], dunit, dh, dbefore)

    def above(self, batch: Batch, t: int, k: int, back: LayerBack) -> Array:
        """dE/dh of layer k - 1 at step t, (B, H), from what came back over layer k."""
        mask = batch.masks[k]
        dx: Array = back.da.reshape(batch.B, -1) @ self.params[f"rnn.weight_ih_l{k}"]
        return dx if mask is None else dx * mask[t]

    def next_source(self, batch: Batch, t: int, k: int, step: LayerStep) -> Input:
        """What layer k + 1 reads at step t: layer k's output, nothing beyond an end, dropout's mask on it."""
        y = np.where((t < batch.lengths)[:, None], step.states[0, 1], self.dtype.type(0))
        mask = batch.masks[k + 1]
        return Vectors((y if mask is None else y * mask[t])[None])


def vectors_read(source: Input) -> Array | None:
    """(B, I): what is read at one step; None where ids choose columns of the weights."""
    match source:
        case OneHot():
            return None
        case TableRows():
            rows: Array = source.table[source.ids[0]]
            return rows
        case Vectors():
            read: Array = source.x[0]
            return read
    raise TypeError(f"{type(source).__name__} found; expected an input that this module knows.")
