"""A training step of a workload in PyTorch, eager, with denormals flushed."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.workloads import CLIP, LEARNING_RATE, Workload


class _Network(nn.Module):
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


def make_step(work: Workload) -> Callable[[], float]:
    """A function that makes one step and returns its loss."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    inputs, targets = (torch.from_numpy(array) for array in work.data())
    network = _Network(work)
    optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        outputs = network(inputs)
        if work.loss == "softmax":
            loss = F.cross_entropy(outputs.flatten(0, -2), targets.flatten())
        else:
            loss = F.mse_loss(outputs, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        return loss.item()

    return step
