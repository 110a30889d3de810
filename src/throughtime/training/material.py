"""A corpus made ready to learn from: batches of its first part, and its last part to be scored."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.data.batch import Ids
from throughtime.data.corpus import Corpus, split
from throughtime.data.sentences import SentenceBatches
from throughtime.data.streams import StreamBatches
from throughtime.data.tokenizer import Tokenizer
from throughtime.training.evaluate import ScoredText, require_ids, text_parts
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


def prepare(corpus: Corpus | str | Any, tokenizer: Tokenizer | None, vocab_size: int, plan: Plan) -> Material:
    """Encode a corpus, part it by position, and batch it.

    Raises
    ------
    TextError, TokenError, ArgumentError
        The corpus is too short for its batches, or cannot be read with this tokenizer by this model.
    """
    if isinstance(corpus, str):
        corpus = Corpus("the text", corpus)
    parts = text_parts(corpus, tokenizer, plan.by)
    for ids in parts:
        require_ids(ids, vocab_size)
    val: list[Ids]
    batches: StreamBatches | SentenceBatches
    if plan.seq_len is None:
        train, val = split(parts, plan.val_fraction, least=1, what="sentences")
        batches = SentenceBatches(train, plan.batch_size, plan.seed)
    else:
        (ids,) = parts
        first, last = split(range(len(ids)), plan.val_fraction)
        val = [ids[last.start :]] if last else []
        batches = StreamBatches(
            ids[: first.stop], plan.batch_size, plan.seq_len, name="the training part of the text"
        )
    scored = ScoredText(val, tokenizer, plan.by) if val else None
    is_text = isinstance(corpus, Corpus)
    name = corpus.name if is_text else "token ids"
    record = {
        "name": name,
        "sha256": corpus.sha256
        if is_text
        else hashlib.sha256(np.asarray(parts[0], "<i4").tobytes()).hexdigest(),
        "tokens": sum(map(len, parts)),
        "unknown": 0 if tokenizer is None else sum(map(tokenizer.count_unknown, parts)),
        "train_predictions": batches.tokens,
        "val_predictions": scored.tokens if scored else 0,
    }
    return Material(name, batches, scored, record)
