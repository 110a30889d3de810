"""The readout: outputs = h @ weight.T + bias, on the rows that a loss sees."""

from collections.abc import Mapping

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.products import multiply


def read_out(params: Mapping[str, Array], y: Array, rows: Array | None, buffers: Buffers) -> Array:
    """Outputs (N, O) of the rows of y (T*B, H) that `rows` names; None for all."""
    weight = params["readout.weight"]
    seen = y if rows is None else y[rows]
    outputs = buffers.empty("outputs", (len(seen), len(weight)), y.dtype)
    multiply(seen, weight.T, outputs)
    if "readout.bias" in params:
        outputs += params["readout.bias"]
    return outputs


def differentiate_readout(
    params: Mapping[str, Array],
    doutputs: Array,
    y: Array,
    rows: Array | None,
    grads: dict[str, Array],
    buffers: Buffers,
) -> Array:
    """From doutputs (N, O): put the readout's gradients into `grads`, return dy (T*B, H)."""
    weight = params["readout.weight"]
    seen = y if rows is None else y[rows]
    grads["readout.weight"] = multiply(
        doutputs.T, seen, buffers.empty("dreadout", weight.shape, weight.dtype)
    )
    if "readout.bias" in params:
        grads["readout.bias"] = doutputs.sum(axis=0)
    if rows is None:
        return multiply(doutputs, weight, buffers.empty("dy", y.shape, y.dtype))
    dy = buffers.zeros("dy", y.shape, y.dtype)
    dy[rows] = np.matmul(doutputs, weight)
    return dy
