"""The gradients of output steps of bare layers, given from outside."""

from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.networks.layer import Recurrent, State
from throughtime.networks.network import StepGradients
from throughtime.networks.trace import Trace
from throughtime.networks.validation import check_array


def layer_gradients(
    layer: Recurrent, x: Array, dy: Array, chosen: Array, dstate: State | None = None, **given: Any
) -> StepGradients:
    """The rows of dy that are origins, over a forward pass of the layers alone.

    Parameters
    ----------
    layer : Recurrent
    x, dy, dstate : as `throughtime.gradient_flow` has them
    chosen : (T, B) of bool
        The steps that are wanted, whether they have a gradient or not.
    **given
        `state`, `reset` and `lengths` of the layer's `forward`.
    """
    if layer.bidirectional:
        raise ArgumentError(
            "bidirectional layers found; expected one direction: with two, each step's output has both a past and a "
            "future. Measure a layer of each direction by itself."
        )
    _, _, trace = layer.forward(x, **given)
    assert isinstance(trace, Trace)  # as ever with one direction
    shape = trace.T, trace.B, layer.hidden_size
    dy = check_array("dy", dy, shape, ("T", "batch", "hidden_size"), layer.dtype)
    last = layer.state_in("dstate", dstate, trace.B)
    real = np.arange(trace.T)[:, None] < trace.lengths
    there = (dy != 0).any(axis=2)
    if last is not None:
        there[trace.lengths - 1, np.arange(trace.B)] |= (last != 0).any(axis=(0, 1, 3))
    there &= real
    steps, sequences = np.nonzero(chosen & there)
    found = StepGradients(layer.params, trace, steps, sequences, dy[steps, sequences], there)
    if last is None:
        return found
    # The last state is that of each sequence's own last step.
    ends = steps == trace.lengths[sequences] - 1
    return found._replace(dstate=np.where(ends[:, None], last[:, :, sequences], layer.dtype.type(0)))
