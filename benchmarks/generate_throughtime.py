"""Text from a character LSTM in throughtime: tokens drawn in compiled blocks."""

from collections.abc import Callable

import numpy as np

import throughtime as tt
from throughtime.networks.writer import Writer

VOCAB_SIZE, EMBEDDING_SIZE = 65, 128


def make_generate(hidden_size: int) -> Callable[[int], list[int]]:
    """A function that draws so many tokens at temperature 1; a later call goes on where the one before ended."""
    model = tt.LanguageModel(VOCAB_SIZE, hidden_size, "lstm", embedding_size=EMBEDDING_SIZE, seed=0)
    writer = Writer(model, VOCAB_SIZE + 1, np.random.default_rng(0))
    allowed = writer.allowed([])
    writer.read([0])

    def generate(length: int) -> list[int]:
        drawn: list[int] = []
        while len(drawn) < length:
            drawn += writer.write(min(writer.block, length - len(drawn)), allowed).tolist()
        return drawn

    return generate
