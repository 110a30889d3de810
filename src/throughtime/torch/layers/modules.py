"""PyTorch's recurrent layers with another computation: parameters, checks, methods and errors are PyTorch's own."""

import inspect
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from throughtime.cells.cell import Cell
from throughtime.cells.gru import gru
from throughtime.cells.lstm import lstm
from throughtime.cells.rnn import rnn_relu, rnn_tanh
from throughtime.torch.layers.call import Call
from throughtime.torch.layers.own_code import reason_for_own_code, say
from throughtime.torch.layers.sweep import compute

_CELLS = {"rnn_tanh": rnn_tanh, "rnn_relu": rnn_relu, "gru": gru, "lstm": lstm}


def _computation(name: str, cell: Cell) -> Callable[..., tuple[Tensor, ...]]:
    """What stands in for PyTorch's function of this name."""

    def computed(*arguments: Any) -> tuple[Tensor, ...]:
        call = Call.of(name, arguments)
        keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in call.tensors)
        reason = reason_for_own_code(call, cell, keep)
        if reason is None:
            return compute(call, cell, keep)
        if reason:
            say(reason)
        return call.by_pytorch()

    unseen: Callable[..., tuple[Tensor, ...]] = torch.compiler.disable(computed)
    return unseen


_COMPUTATIONS = SimpleNamespace(**{name: _computation(name, cell) for name, cell in _CELLS.items()})


def _with_sweeps(forward: Any) -> Any:
    """A layer's forward as PyTorch wrote it, but for the functions that it hands the computing to."""
    forward = inspect.unwrap(forward)
    if "_VF" not in forward.__code__.co_names:
        raise ImportError(
            f"torch {torch.__version__} found, in which {forward.__qualname__} hands its computing to another place; expected a "
            "version that is known. Type: pip install 'torch<2.14'."
        )
    scope = {**forward.__globals__, "_VF": _COMPUTATIONS}
    return FunctionType(forward.__code__, scope, forward.__name__, forward.__defaults__, forward.__closure__)


class RNN(nn.RNN):
    """torch.nn.RNN, computed by throughtime's sweeps.

    Arguments, parameters, shapes, packed sequences and errors are those of the class it derives from; see there. CUDA
    tensors, types other than float32 and float64, autocast, transforms of torch.func and gradients of gradients
    are left to PyTorch's own code, which is said once; so are, silently, calls of a few steps and others that it makes faster.
    As many threads work as `torch.get_num_threads` allows, where the work is worth them.

    Examples
    --------
    >>> import torch
    >>> layer = RNN(3, 4, nonlinearity="relu", batch_first=True)
    >>> y, h = layer(torch.randn(2, 7, 3))
    >>> y.shape, h.shape
    (torch.Size([2, 7, 4]), torch.Size([1, 2, 4]))
    """

    forward = _with_sweeps(nn.RNN.forward)


class GRU(nn.GRU):
    """torch.nn.GRU, computed by throughtime's sweeps, as `RNN` is.

    Examples
    --------
    >>> import torch
    >>> layer = GRU(3, 4, num_layers=2, bidirectional=True)
    >>> y, h = layer(torch.randn(7, 2, 3))
    >>> y.sum().backward()
    >>> y.shape, layer.weight_hh_l1_reverse.grad.shape
    (torch.Size([7, 2, 8]), torch.Size([12, 4]))
    """

    forward = _with_sweeps(nn.GRU.forward)


class LSTM(nn.LSTM):
    """torch.nn.LSTM, computed by throughtime's sweeps, as `RNN` is; with proj_size by PyTorch's own code.

    Examples
    --------
    >>> import torch
    >>> layer = LSTM(3, 4)
    >>> y, (h, c) = layer(torch.randn(7, 2, 3))
    >>> c.shape
    torch.Size([1, 2, 4])
    """

    forward = _with_sweeps(nn.LSTM.forward)
