"""The profile from every origin in PyTorch, eager: one backward pass per step, or all of them as one batch.

Weights ask for no gradients, the input's products are made all at once, and denormals are flushed, so that nothing is
computed but the gradients of states.
"""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers import Timed
from benchmarks.profile_task import BATCH, HIDDEN, T, data, make_layer

Step = Callable[[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]


def _rnn(ax: torch.Tensor, weight: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (torch.tanh(torch.addmm(ax, state[0], weight)),)


def _lstm(
    ax: torch.Tensor, weight: torch.Tensor, state: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    i, f, g, o = torch.addmm(ax, state[0], weight).chunk(4, 1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(ax: torch.Tensor, weight: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    (h,) = state
    ax_r, ax_z, ax_n = ax.chunk(3, 1)
    ah_r, ah_z, ah_n = (h @ weight).chunk(3, 1)
    z = torch.sigmoid(ax_z + ah_z)
    n = torch.tanh(ax_n + torch.sigmoid(ax_r + ah_r) * ah_n)
    return (n + z * (h - n),)


STEPS: dict[str, tuple[Step, int]] = {"rnn": (_rnn, 1), "lstm": (_lstm, 2), "gru": (_gru, 1)}


def make_profile(cell: str, way: str) -> Callable[[], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """A function that measures phi at every lag; `way` is "each" or "batched"."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    params = make_layer(cell).params
    weight_ih, weight_hh = (
        torch.from_numpy(params[name].copy()).T.contiguous() for name in ("weight_ih_l0", "weight_hh_l0")
    )
    x, dy = (torch.from_numpy(array) for array in data())
    step, parts = STEPS[cell]
    each = torch.eye(T)

    def profile() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        ax = x @ weight_ih
        start = torch.zeros(BATCH, HIDDEN, requires_grad=True)
        state, states = (start,) * parts, []
        for t in range(T):
            state = step(ax[t], weight_hh, state)
            states.append(state[0])
        losses = [
            (states[t] * dy[t]).sum() for t in range(T)
        ]  # sequences do not meet: their sum keeps them apart
        norms = torch.full((T, T, BATCH), torch.nan)  # origin, lag, sequence
        if way == "each":
            for t in range(T):
                found = torch.autograd.grad(losses[t], states[: t + 1], retain_graph=True)
                norms[t, : t + 1] = torch.stack(found).norm(dim=2).flip(0)
        else:
            found = torch.autograd.grad(torch.stack(losses), states, each, is_grads_batched=True)
            for k in range(T):
                norms[range(k, T), range(T - k)] = found[k][k:].norm(dim=2)
        return np.nanmean(norms.double().numpy(), axis=(0, 2))

    return profile


def make_timed(cell: str, way: str) -> Timed:
    """The profile as it is timed."""
    how = "one backward pass per step" if way == "each" else "all backward passes as one batch"
    return Timed(make_profile(cell, way), f"eager, {how}, flush-to-zero")
