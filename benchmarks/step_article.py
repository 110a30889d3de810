"""A training step of the article's own code: NumPy, float64, the full gradient of every output step by step."""

from benchmarks.peers import Timed
from benchmarks.workloads import LEARNING_RATE, Workload
from throughtime.article import RNN, sgd_step


def make_step(work: Workload) -> Timed:
    """One step; only for the article's model, which reads one sequence of one-hot tokens."""
    inputs, targets = work.data()
    x, y = inputs[:, 0].tolist(), targets[:, 0].tolist()
    model = RNN(work.vocab_size, work.hidden_size, bptt_truncate=None, seed=0)
    return Timed(
        lambda: sgd_step(model, x, y, LEARNING_RATE), "float64, 1 thread, each output's gradient step by step"
    )
