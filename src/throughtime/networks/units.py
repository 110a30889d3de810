"""What each unit of a layer has of its own, as sweeps read it: one row of (UNIT, H) for each number.

First the biases, as many as the cell has pre-activations: of gates whose halves are summed both biases in one, of gates
whose halves stay apart the input halves', then the recurrent halves'. Then the cell's parameters.
"""

from collections.abc import Mapping

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array


def join_units(cell: Cell, params: Mapping[str, Array], k: int) -> Array:
    """(UNIT, H) of layer k; biases are zero where it has none."""
    weight = params[f"weight_hh_l{k}"]
    G, P, H = len(cell.gates), cell.apart, weight.shape[1]
    unit = np.zeros((G + P + len(cell.parameters), H), weight.dtype)
    if f"bias_ih_l{k}" in params:
        b_ih, b_hh = params[f"bias_ih_l{k}"].reshape(G, H), params[f"bias_hh_l{k}"].reshape(G, H)
        unit[:G] = b_ih
        unit[: G - P] += b_hh[: G - P]
        unit[G : G + P] = b_hh[G - P :]
    for row, name in enumerate(cell.parameters, start=G + P):
        unit[row] = params[f"{name}_l{k}"]
    return unit


def split_units(cell: Cell, dunit: Array, k: int, bias: bool) -> dict[str, Array]:
    """From the gradients of `join_units`'s rows those of layer k's parameters, biases among them if it has any."""
    G, P = len(cell.gates), cell.apart
    grads = {f"{name}_l{k}": row for name, row in zip(cell.parameters, dunit[G + P :], strict=True)}
    if bias:
        grads[f"bias_ih_l{k}"] = dunit[:G].ravel()
        grads[f"bias_hh_l{k}"] = np.concatenate([dunit[: G - P], dunit[G : G + P]]).ravel()
    return grads
