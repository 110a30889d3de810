"""Gradients of pre-activations, and those of a layer's parameters and input that are made of them."""

from dataclasses import dataclass

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.trace import LayerTrace
from throughtime.networks.units import split_units
from throughtime.optim.structured import Gradient


@dataclass
class Deltas:
    """Gradients of one layer's pre-activations, by step, and of what its units have of their own."""

    input: Array  # (T, B, GATES, H)
    apart: (
        Array  # of the recurrent halves: the same shape where halves stay apart, otherwise (0, B, GATES, H)
    )
    unit: Array  # (UNIT, H)

    @property
    def recurrent(self) -> Array:
        """(T, B, GATES, H): of what the recurrent weights make."""
        return self.apart if len(self.apart) else self.input


def room_for_deltas(cell: Cell, layer: LayerTrace, workspace: Workspace) -> Deltas:
    """Room for a layer's deltas; those of its units begin at zero."""
    T, B, G, H = layer.kept.shape
    dtype = layer.kept.dtype
    return Deltas(
        workspace.empty("delta", (T, B, G, H), dtype),
        workspace.empty("delta of the recurrent half", (T if cell.apart else 0, B, G, H), dtype),
        np.zeros_like(layer.unit),
    )


def spend_trace(cell: Cell, layer: LayerTrace) -> Deltas:
    """Room for a layer's deltas where its kept values lie, which are lost: it cannot be gone back over again."""
    apart = layer.recurrent if cell.apart else layer.recurrent[:0]
    return Deltas(layer.kept, apart, np.zeros_like(layer.unit))


def differentiate_layer(
    cell: Cell,
    params: dict[str, Array],
    k: int,
    layer: LayerTrace,
    deltas: Deltas,
    workspace: Workspace,
    wanted: bool,
) -> tuple[dict[str, Gradient], Gradient | None]:
    """Gradients of layer k's parameters, one product for each weight; and, if `wanted`, that of its input."""
    T, B, G, H = deltas.input.shape
    weight_ih, weight_hh = f"weight_ih_l{k}", f"weight_hh_l{k}"
    own = workspace.part(f"gradients of layer {k}")
    entered = layer.entering[0, :T].reshape(T * B, H)
    dweight_hh = own.empty("dweight_hh", params[weight_hh].shape, entered.dtype)
    own.multiply(deltas.recurrent.reshape(T * B, G * H).T, entered, dweight_hh)
    da = deltas.input.reshape(T * B, G * H)
    dweight_ih, dinput = layer.source.differentiate(da, params[weight_ih], own, wanted)
    biases = split_units(cell, deltas.unit, k, f"bias_ih_l{k}" in params)
    return {weight_ih: dweight_ih, weight_hh: dweight_hh, **biases}, dinput
