"""A call of a recurrent layer as PyTorch's autograd meets it."""

from typing import Any

import torch
from torch import Tensor

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.torch.layers.call import Call
from throughtime.torch.layers.own_code import BEYOND_ONE_GRADIENT, say
from throughtime.torch.layers.passes import forward


def compute(call: Call, cell: Cell, keep: bool) -> tuple[Tensor, ...]:
    """y and the last states of a call that fits the sweeps; with a way back if they are to `keep` one."""
    if keep:
        result: tuple[Tensor, ...] = _Sweep.apply(call, cell, *call.tensors)
        return result
    passed = forward(call, cell, keep)
    return _tensors(passed.y, *passed.states)


class _Sweep(torch.autograd.Function):
    """A forward pass by the sweeps with its way back; the gradient of a gradient is left to PyTorch's own code."""

    @staticmethod
    def forward(ctx: Any, call: Call, cell: Cell, *tensors: Tensor) -> tuple[Tensor, ...]:
        # PyTorch's own code, should it be asked for later, draws dropout from here.
        ctx.random = torch.get_rng_state() if call.draws else None
        passed = forward(call, cell, keep=True)
        # All that is large is autograd's to keep, to let go, and to find changed in place since.
        ctx.save_for_backward(*tensors, *_tensors(*passed.kept))
        ctx.call, ctx.back = call.without_tensors(), passed.back
        ctx.set_materialize_grads(False)
        return _tensors(passed.y, *passed.states)

    @staticmethod
    @torch.compiler.disable
    def backward(ctx: Any, dy: Tensor | None, *dstates: Tensor | None) -> tuple[Tensor | None, ...]:
        wanted, saved = ctx.needs_input_grad[2:], ctx.saved_tensors  # once: a checkpoint computes them then
        tensors, kept = saved[: len(wanted)], saved[len(wanted) :]
        call = ctx.call.on(tensors)
        if torch.is_grad_enabled() or any(map(_is_batched, (dy, *dstates))):
            say(BEYOND_ONE_GRADIENT)
            return None, None, *_differentiably(call, wanted, (dy, *dstates), ctx.random)
        dx, dfirst, dweights = ctx.back.go(
            call,
            [tensor.numpy() for tensor in kept],
            _array(dy),
            [_array(each) for each in dstates],
            wanted[0],
            spend=not torch._C._autograd._get_current_graph_task_keep_graph(),
        )
        found = (dx, *dfirst, *dweights)
        return (
            None,
            None,
            *(torch.from_numpy(array) if want else None for array, want in zip(found, wanted, strict=True)),
        )


def _array(gradient: Tensor | None) -> Array | None:
    return None if gradient is None else gradient.resolve_neg().numpy()


def _tensors(*arrays: Array) -> tuple[Tensor, ...]:
    return (*map(torch.from_numpy, arrays),)


def _is_batched(gradient: Tensor | None) -> bool:
    """Whether it stands for many gradients at once, as `is_grads_batched` and torch.func.vmap have them."""
    functorch = torch._C._functorch
    return gradient is not None and (
        functorch.is_batchedtensor(gradient) or functorch.is_legacy_batchedtensor(gradient)
    )


def _differentiably(
    call: Call, wanted: tuple[bool, ...], douts: tuple[Tensor | None, ...], random: Tensor | None
) -> list[Tensor | None]:
    """The gradients of the call's tensors by PyTorch's own code, so that they have gradients in turn."""
    with torch.enable_grad(), torch.random.fork_rng(devices=()):
        if random is not None:
            torch.set_rng_state(random)
        # One of the tensors may have been made of another, as a state of the input: what belongs to whom is told
        # by a node of each tensor's own.
        own = tuple(tensor.view_as(tensor) for tensor in call.tensors)
        outs = call.on(own).by_pytorch()
        known = [(out, dout) for out, dout in zip(outs, douts, strict=True) if dout is not None]
        grads = torch.autograd.grad(
            [out for out, _ in known],
            [tensor for tensor, want in zip(own, wanted, strict=True) if want],
            [dout for _, dout in known],
            create_graph=True,
            allow_unused=True,
        )
    each = iter(grads)
    return [next(each) if want else None for want in wanted]
