"""A corpus made ready to learn from: batches of its first part, and its last part to be scored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from throughtime.data.batch import Batch
from throughtime.data.corpus import Corpus
from throughtime.data.parts import split
from throughtime.data.progress import OnProgress
from throughtime.data.sentence_batches import SentenceBatches, Sentences
from throughtime.data.streams import StreamBatches
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.errors import TextError
from throughtime.machine.arrays import Array
from throughtime.training.course import Course
from throughtime.training.evaluate import ScoredText, require_ids, tokens_of
from throughtime.training.plan import Plan


@dataclass(frozen=True)
class Material:
    """What training reads.

    Attributes
    ----------
    name : str
        What to call the corpus.
    train : StreamBatches or SentenceBatches
        Its first part.
    val : ScoredText or None
        Its last part; None if nothing is held out.
    record : dict
        The corpus as config.json describes it.
    """

    name: str
    train: StreamBatches | SentenceBatches
    val: ScoredText | None
    record: dict[str, Any]

    def rest_of_epoch(self, course: Course, look_back: Callable[[], int]) -> Iterator[Batch]:
        """The batches of the present epoch from the next one on; each is to be taken account of before another is asked for.

        Parameters
        ----------
        course : Course
            Where the run stands.
        look_back : callable
            Asked at each batch: the steps that the one after it is to run again before its new ones.
        """
        train = self.train
        if isinstance(train, SentenceBatches):
            yield from train.epoch(course.epoch, course.batch)
            return
        while course.batch < len(train):
            yield train.chunk(course.batch, course.begin, look_back())


def prepare(
    corpus: Corpus | str | Tokens | Any,
    tokenizer: Tokenizer | None,
    vocab_size: int,
    plan: Plan,
    on_progress: OnProgress | None = None,
) -> Material:
    """Encode a corpus, part it by position, and batch it.

    Its tokens are never copied as a whole: those of files are mapped from a cache on disk, an array is used as it is.

    Raises
    ------
    TextError, TokenError, ArgumentError
        The corpus is too short for its batches, or cannot be read with this tokenizer by this model.
    """
    tokens = tokens_of(corpus, tokenizer, plan.by, on_progress)
    require_ids(tokens.ids, vocab_size)
    try:
        train, val = _parted(tokens.part, plan)
    except TextError as error:
        if isinstance(corpus, str) and _is_file(corpus):
            remedy = f"Pass Path({corpus!r}).read_text()."
            raise TextError(
                f"{corpus!r} is the name of a file; expected the text itself. {remedy}"
            ) from error
        raise
    scored = ScoredText(val, tokenizer) if len(val) else None
    record = {
        "name": tokens.name,
        "sha256": tokens.sha256,
        "files": list(tokens.files) if tokens.files else None,
        "tokens_key": tokens.key,
        "tokens": len(tokens.ids),
        "unknown": tokens.unknown,
        "train_predictions": train.tokens,
        "steps_per_epoch": len(train),
        "val_predictions": scored.tokens if scored else 0,
    }
    return Material(tokens.name, train, scored, record)


def _parted(part: Array | Sentences, plan: Plan) -> tuple[StreamBatches | SentenceBatches, Array | Sentences]:
    """The batches to learn from, and what is held out."""
    if isinstance(part, Sentences):
        train, val = split(part, plan.val_fraction, least=1, what="sentences")
        return SentenceBatches(train, plan.batch_size, plan.seed), val
    assert plan.seq_len is not None  # as ever by stream
    first, last = split(range(len(part)), plan.val_fraction)
    batches = StreamBatches(
        part[: first.stop], plan.batch_size, plan.seq_len, name="the training part of the text"
    )
    return batches, part[last.start :] if last else part[:0]


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False
