"""The readout: outputs = h @ weight.T + bias, on the rows that a loss sees."""

from collections.abc import Mapping

from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace


def read_out(params: Mapping[str, Array], y: Array, rows: Array | None, workspace: Workspace) -> Array:
    """Outputs (N, O) of the rows of y (T*B, H) that `rows` names; None for all."""
    weight = params["readout.weight"]
    seen = y if rows is None else y[rows]
    outputs = workspace.empty("outputs", (len(seen), len(weight)), y.dtype)
    workspace.multiply(seen, weight.T, outputs)
    if "readout.bias" in params:
        outputs += params["readout.bias"]
    return outputs


def differentiate_readout(
    params: Mapping[str, Array],
    doutputs: Array,
    y: Array,
    rows: Array | None,
    grads: dict[str, Array],
    workspace: Workspace,
) -> Array:
    """From doutputs (N, O): put the readout's gradients into `grads`, return dy (T*B, H)."""
    weight = params["readout.weight"]
    seen = y if rows is None else y[rows]
    grads["readout.weight"] = workspace.multiply(
        doutputs.T, seen, workspace.empty("dreadout", weight.shape, weight.dtype)
    )
    if "readout.bias" in params:
        grads["readout.bias"] = doutputs.sum(axis=0)
    if rows is None:
        return workspace.multiply(doutputs, weight, workspace.empty("dy", y.shape, y.dtype))
    dy = workspace.zeros("dy", y.shape, y.dtype)
    dy[rows] = workspace.multiply(doutputs, weight, workspace.empty("dy of rows", seen.shape, y.dtype))
    return dy
