"""A training step of a workload in PyTorch, eager: the layers that it offers."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import Timed
from benchmarks.workloads import CLIP, LEARNING_RATE, Workload


class Network(nn.Module):
    """Embedding, recurrent layer, readout."""

    def __init__(self, work: Workload) -> None:
        super().__init__()
        self.last = work.at == "last"
        # One-hot: the columns of U are an embedding, which PyTorch's layers can only read through one more product.
        size = (work.embedding_size or work.hidden_size) if work.vocab_size else work.input_size
        self.embedding = nn.Embedding(work.vocab_size, size) if work.vocab_size else nn.Identity()
        layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[work.cell]
        self.rnn = layer(size, work.hidden_size, bias=work.bias)
        self.readout = nn.Linear(work.hidden_size, work.vocab_size or work.output_size, bias=work.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(self.embedding(inputs))
        outputs: torch.Tensor = self.readout(y[-1] if self.last else y)
        return outputs


def make_step(work: Workload, flush: bool = True, precision: str = "float32", threads: int = 1) -> Timed:
    """One step, which returns its loss."""
    torch.set_flush_denormal(flush)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = Network(work)
    inputs, targets = (torch.from_numpy(array) for array in work.data())

    def compute_loss() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return loss_of(work, network(inputs), targets)

    kind = "bf16 autocast" if precision == "bf16" else "float32"
    words = "1 thread" if threads == 1 else f"{threads} threads"
    flushing = "flush-to-zero" if flush else "denormals kept"
    return Timed(make_update(compute_loss, [*network.parameters()]), f"eager, {kind}, {words}, {flushing}")


def loss_of(work: Workload, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean loss of a workload's outputs."""
    if work.loss == "softmax":
        return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())
    return F.mse_loss(outputs, targets)


def make_update(compute_loss: Callable[[], torch.Tensor], params: list[nn.Parameter]) -> Callable[[], float]:
    """A whole training step around a loss."""
    optimizer = torch.optim.SGD(params, LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = compute_loss()
        loss.backward()
        nn.utils.clip_grad_norm_(params, CLIP)
        optimizer.step()
        return loss.item()

    return step
