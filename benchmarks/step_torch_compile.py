"""A training step of a workload in PyTorch, compiled as far as that pays.

`torch.compile` does not enter PyTorch's recurrent layers. It can be told to, and then unrolls them over time, which
compiles for minutes; its own `scan` ran at half of eager's speed (W3). What is left are two ways: the whole
model with a break around the layer, which runs as in eager mode, so that only embedding, readout and loss gain; and the
cell written out, compiled in segments of some steps, which gains where steps are small.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks.peers import Timed
from benchmarks.step_torch import Network, loss_of, make_update
from benchmarks.workloads import Workload

MODE = "max-autotune-no-cudagraphs"
State = tuple[torch.Tensor, ...]


def _rnn(ax: torch.Tensor, ah: torch.Tensor, state: State) -> State:
    return (torch.tanh(ax + ah),)


def _lstm(ax: torch.Tensor, ah: torch.Tensor, state: State) -> State:
    i, f, g, o = (ax + ah).chunk(4, 1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(ax: torch.Tensor, ah: torch.Tensor, state: State) -> State:
    ax_r, ax_z, ax_n = ax.chunk(3, 1)
    ah_r, ah_z, ah_n = ah.chunk(3, 1)
    z = torch.sigmoid(ax_z + ah_z)
    n = torch.tanh(ax_n + torch.sigmoid(ax_r + ah_r) * ah_n)
    return (n + z * (state[0] - n),)


CELLS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


def make_step(work: Workload, segment: int = 0) -> Timed:
    """One step, which returns its loss; segment 0 compiles the model as it is, with a break around its layer."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Network(work)
    inputs, targets = (torch.from_numpy(array) for array in work.data())

    @torch.compile(mode=MODE)
    def whole() -> torch.Tensor:
        return loss_of(work, network(inputs), targets)

    compute_loss = _in_segments(work, network, inputs, targets, segment) if segment else whole
    how = f"segments of {segment} steps" if segment else "whole model, a break around its layer"
    return Timed(
        make_update(compute_loss, [*network.parameters()]),
        f"compiled, {how}, float32, 1 thread, flush-to-zero",
    )


def _in_segments(
    work: Workload, network: Network, inputs: torch.Tensor, targets: torch.Tensor, segment: int
) -> Callable[[], torch.Tensor]:
    """The loss, the recurrence in segments of so many steps."""
    cell, layer = CELLS[work.cell], network.rnn
    weight_ih, weight_hh = layer.weight_ih_l0, layer.weight_hh_l0
    bias_ih, bias_hh = (layer.bias_ih_l0, layer.bias_hh_l0) if work.bias else (None, None)

    @torch.compile(mode=MODE)
    def project() -> torch.Tensor:
        return F.linear(network.embedding(inputs), weight_ih, bias_ih)

    @torch.compile(mode="default", dynamic=False)
    def run(state: State, ax: torch.Tensor) -> tuple[torch.Tensor, State]:
        y = []
        for ax_t in ax.unbind(0):
            state = cell(ax_t, F.linear(state[0], weight_hh, bias_hh), state)
            y.append(state[0])
        return torch.stack(y), state

    @torch.compile(mode=MODE)
    def score(y: torch.Tensor) -> torch.Tensor:
        return loss_of(work, network.readout(y[-1] if work.at == "last" else y), targets)

    def compute_loss() -> torch.Tensor:
        state: State = (torch.zeros(work.batch, work.hidden_size),) * (2 if work.cell == "lstm" else 1)
        ys = []
        for ax in project().split(segment):
            y, state = run(state, ax)
            ys.append(y)
        return score(torch.cat(ys))

    return compute_loss
