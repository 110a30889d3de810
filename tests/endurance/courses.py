"""What the victims train: small runs of many updates, with checkpoints and evaluations every few of them."""

import random
from dataclasses import dataclass
from pathlib import Path

_WORDS = "the a cat rat mat dog saw sat ran on after it and but bird sang flew over under house tree slowly"

_SMALL = "--hidden-size 8 --batch-size 4 "
_STREAM = _SMALL + "--epochs 4 --eval-every 9 --checkpoint-every 6 "


@dataclass(frozen=True)
class Course:
    """One setting.

    Attributes
    ----------
    name : str
    settings : str
        Options of `throughtime train`, but for the text and the directory.
    """

    name: str
    settings: str

    @property
    def options(self) -> list[str]:
        """The settings, word by word."""
        return self.settings.split()


COURSES = (
    Course(
        "lstm of 2 layers, dropout, adam",
        _STREAM + "--cell lstm --num-layers 2 --dropout 0.3 --optimizer adam --lr 0.02 --truncation chunk:20",
    ),
    Course(
        "gru by sentence, nesterov, window",
        _SMALL + "--epochs 5 --eval-every 11 --by sentence --cell gru --truncation window:3 "
        "--optimizer nesterov --lr 0.05 --schedule exponential:0.9 --clip-value 0.5",
    ),
    Course(
        "rnn looking back, rmsprop, halved, clipped, averaged",
        _STREAM + "--cell rnn --truncation chunk:20,40 --omega 0.5 "
        "--optimizer rmsprop --lr 0.05 --schedule halve,warmup:30 --clip-norm auto:2 --average 1",
    ),
    Course(
        "gru of words, tied, momentum, cosine",
        _STREAM + "--unit word --vocab-size 20 --input embedding --tied --cell gru --seq-len 5 "
        "--optimizer momentum --lr 0.1 --schedule cosine:0.1 --clip-norm 1",
    ),
    Course(
        "lstm of byte pairs, adamw, two threads, patience",
        _STREAM + "--unit bpe --vocab-size 270 --cell lstm --seq-len 16 --threads 2 --patience 20 "
        "--optimizer adamw --lr 0.02",
    ),
)


def write_text(path: Path) -> Path:
    """A text of some 8 KB, the same each time: sentences of a small vocabulary."""
    rng, words = random.Random(1), _WORDS.split()
    sentences = (" ".join(rng.choices(words, k=rng.randint(3, 9))) + "." for _ in range(300))
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return path
