"""The training steps that are timed: forward, loss, backward, clipping by norm, update."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Workload:
    """One training step. vocab_size 0: vectors of `input_size` in, `output_size` numbers or classes out."""

    meaning: str
    cell: str
    hidden_size: int
    batch: int
    seq_len: int
    vocab_size: int = 0
    embedding_size: int | None = None  # None with a vocabulary: one-hot
    input_size: int = 0
    output_size: int = 0
    loss: str = "softmax"
    at: str = "every"
    bias: bool = True
    seed: int = 0

    def data(self) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
        """Inputs and targets, the same for every peer."""
        rng = np.random.default_rng(self.seed)
        shape = (self.seq_len, self.batch)
        if self.vocab_size:
            return rng.integers(0, self.vocab_size, shape), rng.integers(0, self.vocab_size, shape)
        inputs = rng.standard_normal((*shape, self.input_size), np.float32)
        scored = shape if self.at == "every" else shape[1:]
        if self.loss == "softmax":
            return inputs, rng.integers(0, self.output_size, scored)
        return inputs, rng.standard_normal((*scored, self.output_size), np.float32)


WORKLOADS = {
    "W1": Workload("the article's model", "rnn", 100, 1, 20, vocab_size=8000, bias=False),
    "W2": Workload("character LSTM", "lstm", 128, 50, 50, vocab_size=65, embedding_size=128),
    "W3": Workload("small GRU", "gru", 32, 32, 100, input_size=8, output_size=1, loss="squared"),
    "W4": Workload("word LSTM, 10,000 words", "lstm", 200, 20, 35, vocab_size=10000, embedding_size=200),
    "W5": Workload("word LSTM, 650 units", "lstm", 650, 20, 35, vocab_size=10000, embedding_size=650),
    "W6": Workload(
        "tanh RNN, loss at the last step", "rnn", 256, 16, 200, input_size=8, output_size=10, at="last"
    ),
    "W7": Workload("GRU as an audio effect", "gru", 64, 8, 500, input_size=1, output_size=1, loss="squared"),
    "W8": Workload(
        "LSTM, one long sequence", "lstm", 32, 1, 2000, input_size=1, output_size=1, loss="squared"
    ),
}

LEARNING_RATE, CLIP = 0.01, 5.0
