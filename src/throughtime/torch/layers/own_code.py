"""Which calls are left to PyTorch's own code, and why."""

import functools
import operator
import sys
import warnings

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from throughtime.cells.cell import Cell
from throughtime.torch.layers.call import Call

_DTYPES = torch.float32, torch.float64
_PLAIN = Tensor, nn.Parameter
_PACKAGES = "throughtime", "torch"
_PROJECTED = "proj_size is set"
# A call of the sweeps begins with about 0.1 ms of Python, and as much on the way back: over fewer steps PyTorch has done
# as much by then. With a way back, and without.
FEWEST_STEPS = {"rnn_tanh": (8, 32), "rnn_relu": (8, 32), "gru": (4, 12), "lstm": (8, 8)}
# A packed batch is padded for the sweeps; where less of it than this is real PyTorch, which does not pad, is faster.
_REAL = 0.25
_WIDE = 512  # units of all sequences of a batch together
BEYOND_ONE_GRADIENT = "a gradient of a gradient, or many gradients at once, were asked for"


@functools.cache
def say(reason: str) -> None:
    """Warn that PyTorch computes, once in a process for each reason."""
    warnings.warn(
        f"throughtime.torch leaves a call to PyTorch's own code: {reason}. The result is PyTorch's, and so is the speed.",
        stacklevel=_level_of_the_caller(),
    )


def _level_of_the_caller() -> int:
    """How far up from `say` the code is that is neither PyTorch's nor ours."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        level, frame = level + 1, frame.f_back
    return level


def reason_for_own_code(call: Call, cell: Cell, keep: bool) -> str | None:
    """Why PyTorch must compute this call itself; None where the sweeps can.

    The reason is empty where nothing is to be said: PyTorch refuses what is wrong in words of its own, and of a few steps
    it makes as much.
    """
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms it"
    if forward_ad._current_level >= 0:
        return "it is differentiated forwards"
    if torch.jit.is_tracing():
        return "torch.jit traces it"
    if torch.is_autocast_enabled("cpu"):
        return "autocast chooses its type"
    tensors, dtype = call.tensors, call.input.dtype
    for tensor in tensors:
        if not _is_array(tensor):
            return _why_no_array(tensor)
        if tensor.dtype is not dtype:
            return ""
    if dtype not in _DTYPES:
        return f"its type is {dtype}"
    if len(call.weights) != len(call.names):
        return _PROJECTED
    return None if _pays(call, keep) and _fits(call, cell) else ""


def reason_of_layer(layer: nn.RNNBase) -> str | None:
    """Why every call of a layer as it is would be left to PyTorch's own code; None where not."""
    if layer.proj_size:
        return _PROJECTED
    for weight in layer.parameters():
        if not _is_array(weight):
            return _why_no_array(weight)
        if weight.dtype not in _DTYPES:
            return f"its type is {weight.dtype}"
    return None


def _is_array(tensor: Tensor) -> bool:
    plain = type(tensor) in _PLAIN
    return plain and tensor.is_cpu and tensor.layout is torch.strided and not tensor.is_neg()


def _why_no_array(tensor: Tensor) -> str:
    """Why a tensor's memory cannot be worked on as an array's."""
    if not tensor.is_cpu:
        return f"a tensor lies on {tensor.device.type}"
    return (
        "a tensor's memory is no plain array"
        if type(tensor) in _PLAIN
        else f"a {type(tensor).__name__} is no plain tensor"
    )


def _fits(call: Call, cell: Cell) -> bool:
    """Whether all shapes agree: the sweeps reach by address, so that none may be taken on trust."""
    directions, L = call.directions, call.num_layers
    *lead, I = call.input.shape
    if call.batch_sizes is not None:
        T, B = len(call.batch_sizes), int(call.batch_sizes[0])
        if lead != [int(call.batch_sizes.sum())] or bool((call.batch_sizes.diff() > 0).any()):
            return False
    elif len(lead) == 2:
        T, B = reversed(lead) if call.batch_first else lead
    else:
        return False
    H = call.weights[1].shape[-1]
    expected = _shapes(cell, call.bias, L, directions, I, H)
    state = directions * L, B, H
    return (
        min(T, B, I) > 0
        and len(call.states) == len(cell.states)
        and all(each.shape == state for each in call.states)
        and all(map(operator.eq, [weight.shape for weight in call.weights], expected))
    )


def _pays(call: Call, keep: bool) -> bool:
    """Whether PyTorch's own code is not the faster one."""
    if call.batch_sizes is None:
        T = call.input.shape[1 if call.batch_first else 0]
    else:
        T = len(call.batch_sizes)
        if len(call.input) < _REAL * T * int(call.batch_sizes[0]):
            return False
    if call.name == "lstm" and call.input.dtype == torch.float32 and not (keep and _is_wide(call)):
        return False
    return bool(FEWEST_STEPS[call.name][0 if keep else 1] <= T)


def _is_wide(call: Call) -> bool:
    """Whether a step has enough units, of all sequences, for the sweeps to be faster than what is fused as they are.

    PyTorch fuses an LSTM in float32. There a narrow one takes 0.8 to 1.1 of the sweeps' time, and one without a way back
    0.75 to 1.05.
    """
    return bool(call.states[0].numel() >= _WIDE * call.num_layers * call.directions)


@functools.cache
def _shapes(
    cell: Cell, bias: bool, num_layers: int, directions: int, I: int, H: int
) -> tuple[tuple[int, ...], ...]:
    """Of the weights, in the order of a call's."""
    rows = len(cell.gates) * H
    shapes: list[tuple[int, ...]] = []
    for layer in range(num_layers):
        of_one = [(rows, directions * H if layer else I), (rows, H), *([(rows,), (rows,)] if bias else [])]
        shapes += of_one * directions
    return tuple(shapes)
