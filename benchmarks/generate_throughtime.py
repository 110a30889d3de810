"""A text by a character LSTM in throughtime."""

import throughtime as tt
from benchmarks.peers import Timed
from benchmarks.tasks import Generation


def make_text(task: Generation) -> Timed:
    """One text, from its first character to its last."""
    known = len(tt.Tokenizer.train("a").tokens) - 1  # the special tokens that every vocabulary has
    alphabet = "".join(map(chr, range(ord("0"), ord("0") + task.vocab_size - known)))
    tokenizer = tt.Tokenizer.train(alphabet)
    model = tt.LanguageModel(
        tokenizer.vocab_size, task.hidden_size, "lstm", embedding_size=task.embedding_size, seed=0
    )
    return Timed(
        lambda: tt.generate(model, tokenizer, "0", task.length, seed=0),
        "generate, float32, temperature 1",
        task.length,
    )
