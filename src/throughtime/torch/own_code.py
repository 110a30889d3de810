"""Which calls are left to PyTorch's own code, and why."""

import functools
import warnings

import torch
from torch import Tensor
from torch.autograd import forward_ad

from throughtime.cells.cell import Cell
from throughtime.torch.call import Call

_DTYPES = torch.float32, torch.float64
DOUBLE_BACKWARD = "the gradient of a gradient was asked for"


@functools.cache
def say(reason: str) -> None:
    """Warn that PyTorch computes, once in a process for each reason."""
    warnings.warn(
        f"throughtime.torch leaves a call to PyTorch's own code: {reason}. The result is PyTorch's, and so is the speed.",
        stacklevel=2,
    )


def reason_for_own_code(call: Call, cell: Cell) -> str | None:
    """Why PyTorch must compute this call itself; None where the sweeps can.

    What only PyTorch can refuse is a reason too, an empty one: its errors stay its own.
    """
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms it"
    if forward_ad._current_level >= 0:
        return "it is differentiated forwards"
    if torch.jit.is_tracing():
        return "torch.jit traces it"
    if torch.is_autocast_enabled("cpu"):
        return "autocast chooses its type"
    first = call.input
    for tensor in call.tensors:
        reason = _reason_of(tensor, first)
        if reason is not None:
            return reason
    if len(call.weights) != len(call.suffixes) * (4 if call.bias else 2):
        return "proj_size is set"
    return None if _fits(call, cell) else ""


def _reason_of(tensor: Tensor, first: Tensor) -> str | None:
    if type(tensor) is not Tensor and type(tensor) is not torch.nn.Parameter:
        return f"a {type(tensor).__name__} is no plain tensor"
    if tensor.device.type != "cpu":
        return f"a tensor lies on {tensor.device.type}"
    if tensor.dtype not in _DTYPES:
        return f"its type is {tensor.dtype}"
    if tensor.layout is not torch.strided or tensor.is_neg():
        return "a tensor's memory is no plain array"
    return None if tensor.dtype == first.dtype else ""


def _fits(call: Call, cell: Cell) -> bool:
    """Whether all shapes agree: the sweeps reach by address, so that none may be taken on trust."""
    directions, input_size, H = call.directions, call.input.shape[-1], call.weights[1].shape[-1]
    rows = len(cell.gates) * H
    if call.batch_sizes is None:
        if call.input.dim() != 3:
            return False
        steps, B = call.input.shape[:2]
        if call.batch_first:
            steps, B = B, steps
    else:
        steps, B = len(call.batch_sizes), int(call.batch_sizes[0])
    shapes: list[tuple[int, ...]] = [(directions * call.num_layers, B, H)] * len(cell.states)
    for layer in range(call.num_layers):
        width = directions * H if layer else input_size
        of_one = [(rows, width), (rows, H), *([(rows,), (rows,)] if call.bias else [])]
        shapes += of_one * directions
    found = [tuple(tensor.shape) for tensor in call.tensors[1:]]
    return found == shapes and steps > 0 and B > 0 and input_size > 0
