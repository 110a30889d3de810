"""The readout: outputs = h @ weight.T + bias, on the rows that a loss sees."""

from collections.abc import Mapping

from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.optim.structured import Gradient, OuterProducts

WEIGHT, BIAS = "readout.weight", "readout.bias"


def project(params: Mapping[str, Array], y: Array, rows: Array | None, workspace: Workspace) -> Array:
    """Outputs (N, O), yet without the bias, of the rows of y (T*B, H) that `rows` names; None for all."""
    weight = params[WEIGHT]
    seen = y if rows is None else y[rows]
    outputs = workspace.empty("outputs", (len(seen), len(weight)), y.dtype)
    return workspace.multiply(seen, weight.T, outputs)


def read_out(params: Mapping[str, Array], y: Array, rows: Array | None, workspace: Workspace) -> Array:
    """Outputs (N, O) of the rows of y (T*B, H) that `rows` names; None for all."""
    outputs = project(params, y, rows, workspace)
    if BIAS in params:
        outputs += params[BIAS]
    return outputs


def differentiate_readout(
    params: Mapping[str, Array],
    doutputs: Array,
    y: Array,
    rows: Array | None,
    workspace: Workspace,
    structured: bool,
) -> tuple[Gradient, Array]:
    """From doutputs (N, O): the gradient of the weight, whole or `structured` where that pays; and dy (T*B, H)."""
    weight = params[WEIGHT]
    seen = y if rows is None else y[rows]
    dweight: Gradient
    if structured and OuterProducts.pays(len(seen), weight.shape):
        dweight = OuterProducts(doutputs, seen)
    else:
        dweight = workspace.multiply(
            doutputs.T, seen, workspace.empty("dreadout", weight.shape, weight.dtype)
        )
    if rows is None:
        return dweight, workspace.multiply(doutputs, weight, workspace.empty("dy", y.shape, y.dtype))
    dy = workspace.zeros("dy", y.shape, y.dtype)
    dy[rows] = workspace.multiply(doutputs, weight, workspace.empty("dy of rows", seen.shape, y.dtype))
    return dweight, dy
