"""A call's forward pass and its way back, from PyTorch's memory to PyTorch's memory."""

import functools
from typing import Any, NamedTuple

import numpy as np
import torch

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.machine.pool import side_by_side
from throughtime.machine.products import FULL
from throughtime.machine.workspace import Workspace
from throughtime.networks.bidirectional import BidirectionalStack
from throughtime.networks.dropout import Dropout, Masks
from throughtime.networks.inputs import Vectors
from throughtime.networks.shares import Call as Share
from throughtime.networks.stack import Gradients, Layers, Stack
from throughtime.torch.layers.call import Call
from throughtime.torch.layers.layout import Layout, layout_of
from throughtime.torch.layers.products import OF_PYTORCH
from throughtime.truncation import Full

# Fewer products than these, in millions of additions, are done before another thread has begun.
_WORTH_A_THREAD = 20


class Pass:
    """A forward pass, done when this is made.

    Parameters
    ----------
    call : Call
        One that fits the sweeps (`throughtime.torch.layers.own_code`).
    cell : Cell
    keep : bool
        Whether there may be a way back. If not, y may lie in memory that the sweeps used.

    Attributes
    ----------
    y : (..., directions * H), otherwise as the call's input
    states : (STATES, directions * num_layers, B, H)
        The last ones.
    """

    def __init__(self, call: Call, cell: Cell, keep: bool) -> None:
        self._layout = layout_of(call)
        x = self._layout.by_step(call.input.detach().numpy())
        T, B, _ = x.shape
        self._params = _params(call)
        states = np.array([state.detach().numpy() for state in call.states])
        H = states.shape[3]
        self._stack = _stack(call.bidirectional, cell, H, call.num_layers, x.dtype)
        masks = _masks(call, self._layout, T, B, call.directions * H)
        whole = Share(Vectors(x), states, None, self._layout.lengths, masks)
        self._parts = self._layout.parts(B, _threads(cell, x.shape, H))
        shares = [whole] if len(self._parts) == 1 else [self._share(whole, x, part) for part in self._parts]
        found = side_by_side(lambda n: self._run(shares[n]), len(shares))
        self._traces = [each.trace for each in found] if keep else []
        y = self._join([each.y for each in found])
        # What is handed out may be changed in place, as PyTorch's output may; the trace must not change with it.
        self.y = self._layout.back(y.copy() if keep and y.base is not None else y)
        self.states = self._join([each.states for each in found], axis=2)

    def backward(
        self, dy: Array | None, dstates: list[Array | None], wanted: bool, spend: bool
    ) -> tuple[Array | None, list[Array], list[Array]]:
        """Gradients of the input, if `wanted`, the states and the weights, in the order of the call's.

        None stands for zeros. With `spend` there is no other way back after this one.
        """
        if dy is not None:
            dy = self._layout.by_step(dy)
        dlast = None
        if any(each is not None for each in dstates):
            dlast = np.zeros_like(self.states)
            for part, each in zip(dlast, dstates, strict=True):
                part[...] = 0 if each is None else each
        found = side_by_side(lambda n: self._differentiate(n, dy, dlast, wanted, spend), len(self._parts))
        dx = self._layout.back(self._join([each.dinput for each in found])) if wanted else None
        dfirst = self._join([each.dstate for each in found], axis=2)
        dweights = [functools.reduce(np.add, [each.params[name] for each in found]) for name in self._params]
        return dx, list(dfirst), dweights

    def _share(self, whole: Share, x: Array, part: slice) -> Share:
        return whole.share(part, Vectors(np.ascontiguousarray(x[:, part])))

    def _run(self, share: Share) -> "_Run":
        return _Run(
            *self._stack.forward(
                self._params, share.source, share.state, None, share.lengths, share.masks, self._room()
            )
        )

    def _differentiate(
        self, n: int, dy: Array | None, dlast: Array | None, wanted: bool, spend: bool
    ) -> Gradients:
        part = self._parts[n]
        return self._stack.backward(
            self._params,
            self._traces[n],
            None if dy is None else np.ascontiguousarray(dy[:, part]),
            None if dlast is None else np.ascontiguousarray(dlast[:, :, part]),
            Full(),
            self._room(),
            wanted,
            spend=spend,
        )

    def _room(self) -> Workspace:
        return Workspace(OF_PYTORCH if len(self._parts) == 1 else FULL)

    def _join(self, shares: list[Array], axis: int = 1) -> Array:
        """One array of what the shares made of their sequences."""
        if len(shares) == 1:
            return shares[0]
        shape = list(shares[0].shape)
        shape[axis] = sum(share.shape[axis] for share in shares)
        whole = np.empty(shape, shares[0].dtype)
        for part, share in zip(self._parts, shares, strict=True):
            whole[(slice(None),) * axis + (part,)] = share
        return whole


class _Run(NamedTuple):
    """What a stack's forward pass makes of a share."""

    y: Array
    states: Array
    trace: Any


def _params(call: Call) -> dict[str, Array]:
    """The weights under PyTorch's names."""
    arrays = [np.ascontiguousarray(weight.detach().numpy()) for weight in call.weights]
    return dict(zip(call.names, arrays, strict=True))


@functools.cache
def _stack(bidirectional: bool, cell: Cell, H: int, num_layers: int, dtype: Any) -> Layers:
    kind: type[Layers] = BidirectionalStack if bidirectional else Stack
    return kind(cell, H, num_layers, Dropout(0.0, np.random.default_rng(0)), dtype)


def _masks(call: Call, layout: Layout, T: int, B: int, width: int) -> Masks:
    """Dropout's factors (T, B, width), drawn as PyTorch draws them: after the same seed they are the same."""
    between, p = call.num_layers - 1, call.dropout
    if not (call.training and p):
        return [None] * between

    def draw(shape: tuple[int, ...]) -> Array:
        noise = torch.empty(*shape, width, dtype=call.input.dtype)
        # PyTorch draws nothing where nothing is left.
        drawn: Array = (noise.bernoulli_(1 - p).div_(1 - p) if p < 1 else noise.zero_()).numpy()
        return drawn

    return [layout.between(draw, T, B) for _ in range(between)]


def _threads(cell: Cell, shape: tuple[int, ...], H: int) -> int:
    """As many as the work is worth, at most as many as PyTorch's settings allow."""
    T, B, I = shape
    products = T * B * len(cell.gates) * H * (I + H) / 1e6
    allowed: int = torch.get_num_threads()
    return max(1, min(allowed, int(products / _WORTH_A_THREAD)))
