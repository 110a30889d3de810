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
from throughtime.networks.stack import Layers, Stack
from throughtime.torch.layers.call import Call
from throughtime.torch.layers.kept import put_in, take_out
from throughtime.torch.layers.layout import Layout, layout_of
from throughtime.torch.layers.products import OF_PYTORCH
from throughtime.truncation import Full

# Fewer products than these, in millions of multiply-adds a layer and direction, are done before another thread has begun.
_WORTH_A_THREAD = 20


class Passed(NamedTuple):
    """What a forward pass gives.

    y: (..., directions * H), otherwise as the call's input. states: (STATES, directions * num_layers, B, H), the last
    ones. back, kept: the way back, and the arrays that it will need.
    """

    y: Array
    states: Array
    back: "WayBack"
    kept: list[Array]


def forward(call: Call, cell: Cell, keep: bool) -> Passed:
    """Run the sweeps over a call that fits them (`throughtime.torch.layers.own_code`).

    Parameters
    ----------
    call : Call
    cell : Cell
    keep : bool
        Whether there may be a way back. If not, nothing is kept, and y may lie in memory that the sweeps used.
    """
    layout = layout_of(call)
    x = layout.by_step(call.input.detach().numpy())
    T, B, I = x.shape
    params = _params(call)
    first = np.array([state.detach().numpy() for state in call.states])
    H = first.shape[3]
    stack = _stack(call.bidirectional, cell, H, call.num_layers, x.dtype)
    whole = Share(Vectors(x), first, None, layout.lengths, _masks(call, layout, T, B, call.directions * H))
    threads = _threads(T * B * len(cell.gates) * H * (I + H))
    batch = _Batch(layout.parts(B, threads))
    shares = batch.divide(whole, x)
    found = side_by_side(
        lambda n: stack.forward(
            params,
            shares[n].source,
            shares[n].state,
            None,
            shares[n].lengths,
            shares[n].masks,
            batch.workspace(),
        ),
        len(shares),
    )
    y = batch.join([y for y, _, _ in found])
    # What is handed out may be changed in place, as PyTorch's output may; what is kept must not change with it.
    y = layout.back(y.copy() if keep and y.base is not None else y)
    last = batch.join([last for _, last, _ in found], axis=2)
    traces, kept = take_out([trace for _, _, trace in found] if keep else [])
    return Passed(y, last, WayBack(stack, layout, batch, traces), kept)


class WayBack:
    """From the gradients of a pass's outputs to those of its inputs."""

    def __init__(self, stack: Layers, layout: Layout, batch: "_Batch", traces: list[Any]) -> None:
        self._stack, self._layout, self._batch, self._traces = stack, layout, batch, traces

    def go(
        self,
        call: Call,
        kept: list[Array],
        dy: Array | None,
        dstates: list[Array | None],
        wanted: bool,
        spend: bool,
    ) -> tuple[Array | None, list[Array], list[Array]]:
        """Gradients of the input, if `wanted`, the states and the weights, in the order of the call's.

        Parameters
        ----------
        call : Call
            With the weights and states as they were.
        kept : list of Array
            What the forward pass has left.
        dy, dstates : as the outputs, or None for zeros
        wanted, spend : bool
            With `spend`, what was kept may be lost.
        """
        params, traces = _params(call), put_in(self._traces, kept)
        if dy is not None:
            dy = self._layout.by_step(dy)
        dlast = None
        if any(each is not None for each in dstates):
            dlast = np.zeros((len(call.states), *call.states[0].shape), params["weight_hh_l0"].dtype)
            for part, each in zip(dlast, dstates, strict=True):
                if each is not None:
                    part[...] = each
        batch = self._batch
        found = side_by_side(
            lambda n: self._stack.backward(
                params,
                traces[n],
                batch.share(dy, n, axis=1),
                batch.share(dlast, n, axis=2),
                Full(),
                batch.workspace(),
                wanted,
                spend=spend,
            ),
            len(traces),
        )
        dx = self._layout.back(batch.join([each.dinput for each in found])) if wanted else None
        dfirst = batch.join([each.dstate for each in found], axis=2)
        dweights = [functools.reduce(np.add, [each.params[name] for each in found]) for name in params]
        return dx, list(dfirst), dweights


class _Batch:
    """A batch in as many parts as there are threads to work on it."""

    def __init__(self, parts: list[slice]) -> None:
        self._parts = parts

    def workspace(self) -> Workspace:
        """Room for one part."""
        return Workspace(OF_PYTORCH if len(self._parts) == 1 else FULL)

    def divide(self, whole: Share, x: Array) -> list[Share]:
        """A call's shares."""
        if len(self._parts) == 1:
            return [whole]
        return [whole.share(part, Vectors(np.ascontiguousarray(x[:, part]))) for part in self._parts]

    def share(self, array: Array | None, n: int, axis: int) -> Array | None:
        """Of an array that of part n."""
        if array is None:
            return None
        return np.ascontiguousarray(array[(slice(None),) * axis + (self._parts[n],)])

    def join(self, shares: list[Array], axis: int = 1) -> Array:
        """One array of what was made of the parts."""
        if len(shares) == 1:
            return shares[0]
        shape = list(shares[0].shape)
        shape[axis] = sum(share.shape[axis] for share in shares)
        whole = np.empty(shape, shares[0].dtype)
        for part, share in zip(self._parts, shares, strict=True):
            whole[(slice(None),) * axis + (part,)] = share
        return whole


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
        noise = call.input.new_empty((*shape, width))
        # PyTorch draws nothing where nothing is left.
        drawn: Array = (noise.bernoulli_(1 - p).div_(1 - p) if p < 1 else noise.zero_()).numpy()
        return drawn

    return [layout.between(draw, T, B) for _ in range(between)]


def _threads(products: int) -> int:
    """As many as the work is worth, at most as many as PyTorch's settings allow."""
    allowed: int = torch.get_num_threads()
    return max(1, min(allowed, int(products / 1e6 / _WORTH_A_THREAD)))
