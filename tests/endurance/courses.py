"""What the victims train: small runs of many updates, with checkpoints and evaluations every few of them."""

import random
from dataclasses import dataclass
from pathlib import Path

_WORDS = "the a cat rat mat dog saw sat ran on after it and but bird sang flew over under house tree slowly".split()

_SMALL = ["--hidden-size", "8", "--batch-size", "4", "--quiet", "--json"]
_STREAM = [*_SMALL, "--epochs", "4", "--eval-every", "9", "--checkpoint-every", "6"]


@dataclass(frozen=True)
class Course:
    """One setting.

    Attributes
    ----------
    name : str
    options : tuple of str
        Of `throughtime train`, but for the text and the directory.
    """

    name: str
    options: tuple[str, ...]


COURSES = (
    Course(
        "lstm, 2 layers, dropout, adam",
        (*_STREAM, *"--cell lstm --num-layers 2 --dropout 0.3 --optimizer adam --lr 0.02".split())
        + ("--truncation", "chunk:20"),
    ),
    Course(
        "gru by sentence, nesterov, window",
        (*_SMALL, *"--by sentence --cell gru --optimizer nesterov --lr 0.05 --clip-value 0.5".split())
        + tuple("--truncation window:3 --epochs 5 --eval-every 11 --schedule exponential:0.9".split()),
    ),
    Course(
        "rnn, rmsprop, looking back, halved, clipped, averaged",
        (*_STREAM, *"--cell rnn --optimizer rmsprop --lr 0.05 --truncation chunk:20,40".split())
        + tuple("--schedule halve,warmup:30 --clip-norm auto:2 --average 1 --omega 0.5".split()),
    ),
    Course(
        "gru of words, embedded, momentum, cosine",
        (*_STREAM, *"--unit word --vocab-size 20 --input embedding --tied --cell gru".split())
        + tuple("--optimizer momentum --lr 0.1 --seq-len 5 --schedule cosine:0.1 --clip-norm 1".split()),
    ),
    Course(
        "lstm of byte pairs, adamw, two threads",
        (*_STREAM, *"--unit bpe --vocab-size 270 --cell lstm --optimizer adamw --lr 0.02".split())
        + tuple("--seq-len 16 --threads 2 --patience 20".split()),
    ),
)


def write_text(path: Path) -> Path:
    """A text of some 8 KB, the same each time: sentences of a small vocabulary."""
    rng = random.Random(1)
    sentences = (" ".join(rng.choices(_WORDS, k=rng.randint(3, 9))) + "." for _ in range(300))
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return path
