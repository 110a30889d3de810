"""Everything that peers are timed at, by name: training steps, profiles, texts."""

from typing import Any, NamedTuple

from benchmarks.profile_task import CELLS
from benchmarks.workloads import WORKLOADS


class Generation(NamedTuple):
    """A character LSTM that writes one text, each character drawn from its probabilities at temperature 1."""

    meaning: str
    hidden_size: int
    vocab_size: int = 65
    embedding_size: int = 128
    length: int = 500


GENERATIONS = {
    "G1": Generation("text by a character LSTM, 128 units", 128),
    "G2": Generation("text by a character LSTM, 512 units", 512),
}
TASKS: dict[str, Any] = {**WORKLOADS, **{f"P-{cell}": cell for cell in CELLS}, **GENERATIONS}
