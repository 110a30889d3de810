"""The gradient's flow in a PyTorch model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from throughtime.errors import ArgumentError
from throughtime.flow.profile import GradientFlow, gradient_flow
from throughtime.flow.saturation import Saturation
from throughtime.torch.diagnosis.parts import CELLS, Part, find_layer, find_step
from throughtime.torch.diagnosis.recorded import record
from throughtime.torch.diagnosis.remedies import InPyTorch
from throughtime.torch.diagnosis.sequences import join, require_same_output, same_layer
from throughtime.torch.diagnosis.steps import Steps


def diagnose(
    module: nn.Module,
    inputs: Any,
    loss: Callable[[Any], Tensor],
    step: str | Callable[..., Any] | None = None,
    *,
    max_lag: int | None = None,
    origins: Any = None,
    layer: str | None = None,
) -> GradientFlow:
    """Measure how strongly the loss at step t reaches the state at step t - l in a PyTorch model, exactly.

    An nn.RNN, nn.GRU or nn.LSTM, or one of their cells in a loop, goes through throughtime's own sweeps with the model's
    weights; of a bidirectional one, which may have a single layer, the forward direction is measured. Any other recurrence is measured, too, if its step is named: PyTorch then differentiates the
    step, many output steps at once, which takes longer.

    Parameters
    ----------
    module : torch.nn.Module
        It runs once, in evaluation mode. Parameters' gradients, modes, buffers and PyTorch's random numbers are left as
        they were, and so are attributes, among them tensors that it writes into, and lists, dictionaries and sets that it
        changes; objects of other kinds that it changes stay changed.
    inputs : Any
        A tuple or mapping is its forward's arguments; anything else is the only one.
    loss : callable
        From what the module returns, a scalar, or losses of any shape, one for each step, say. The loss of a step may
        read the layer's output there, and the last one the last state.
    step : str or callable, optional
        The function that makes one step of time: the dotted name of a method of the module or of a module inside it, or
        that itself. It is given the state among its arguments, (batch, units) each or (units,), and returns the new one
        alone or among its results, as `h`, `(h, c)` or `(y, (h, c))`, of which y is computed from the h that is returned.
        Sequences of the batch must not mix in it.
    max_lag, origins : optional
        As `throughtime.gradient_flow` has them.
    layer : str, optional
        The dotted name of the layer or cell, where the module has more than one.

    Returns
    -------
    GradientFlow
        Of a step, `norms` has one layer. The parts of its state are those results on which the next call depends, the ones
        that are handed on as they are first: "h" is the first of them, "c" the second of two. Nothing is known of its
        gates.

    Raises
    ------
    ArgumentError, DtypeError
        There is no such layer or step, or it has several layers in both directions, projects its state, or is not float32 or float64 on
        the CPU; the loss does not depend on it; or the state is not handed from one call to the next.

    Notes
    -----
    The gradient that begins at step t is the loss's with respect to the layer's output at t. Where later parts of the
    model treat each step by itself, as a linear readout does, and where the loss is at the last step only, that is dE_t/dy_t of
    the one loss E_t. Where they mix steps, as attention, pooling or another recurrent layer does, the output at t has a
    part in the losses of other steps, too, and the curve says how the layer itself carries back what arrives at t.

    Where the model detaches the state or turns gradients off, nothing goes back beyond, as in training. Calls that only
    warm the state up before that are no lags.

    A mean over N losses makes all norms smaller by 1/N, and leaves phi_l / phi_0 as it is. `output.retain_grad()` is no way
    to see any of this: a fused layer's output has no later steps behind it, and all lags but 0 are missing.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> class Echo(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.rnn, self.readout = nn.RNN(1, 32), nn.Linear(32, 1)
    ...
    ...     def forward(self, x):
    ...         return self.readout(self.rnn(x)[0])
    >>> _ = torch.manual_seed(0)
    >>> x = torch.rand(60, 4, 1)
    >>> flow = diagnose(Echo(), x, lambda y: nn.functional.mse_loss(y, x))
    >>> flow.horizon() < 10, [finding.name for finding in flow.findings]
    (True, ['vanishing'])
    """
    if not isinstance(module, nn.Module):
        raise ArgumentError(
            f"a {type(module).__name__} found; expected a torch.nn.Module. Models of throughtime's own go to "
            "throughtime.gradient_flow."
        )
    if not callable(loss):
        raise ArgumentError(
            f"loss is a {type(loss).__name__}; expected a function of what the module returns. Pass lambda out: "
            "nn.functional.mse_loss(out, target), or the like."
        )
    if layer is not None and step is not None:
        raise ArgumentError(f"layer={layer!r} and a step found; expected one of them. Leave out the layer.")
    with torch.inference_mode(False):  # gradients can be turned on within no_grad(), but not within this
        if step is None:
            return _of_layer(module, inputs, loss, find_layer(module, layer), max_lag, origins)
        return _of_step(module, inputs, loss, find_step(module, step), max_lag, origins)


def _of_layer(
    module: nn.Module,
    inputs: Any,
    loss: Callable[[Any], Tensor],
    part: Part,
    max_lag: int | None,
    origins: Any,
) -> GradientFlow:
    layer = same_layer(part)
    found = join(record(module, inputs, loss, part), part, layer)
    require_same_output(layer, found, part)
    flow = gradient_flow(
        layer,
        found.x,
        found.dy,
        max_lag,
        origins,
        state=found.state,
        reset=found.reset,
        lengths=found.lengths,
        dstate=found.dstate,
    )
    return replace(flow, spelling=InPyTorch(part.of_the_model, isinstance(part.owner, CELLS)))


def _of_step(
    module: nn.Module,
    inputs: Any,
    loss: Callable[[Any], Tensor],
    part: Part,
    max_lag: int | None,
    origins: Any,
) -> GradientFlow:
    steps = Steps(record(module, inputs, loss, part), part)
    measured = steps.measure(max_lag, origins)
    if not measured.origins[0]:
        raise ArgumentError(
            f"no step of {part} has both a gradient and a place among the origins; expected at least one. Choose other "
            "origins, or leave them out for every step with a loss."
        )
    if not any(norms[0, 0] for norms in measured.norms.values()):
        raise ArgumentError(
            f"what {part} gives the loss is not computed from the state that it returns, but beside it, so nothing arrives there "
            "at lag 0; expected it to be. Compute it from that state, or name the part of the step that makes the state."
        )
    return GradientFlow(
        np.arange(len(measured.origins)),
        *measured,
        [Saturation()],
        part.name,
        None,
        steps.units[0],
        steps.dtype,
        [],
        InPyTorch(part.of_the_model),
    )
