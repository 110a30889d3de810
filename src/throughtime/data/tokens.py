"""A text as token ids, in memory or mapped from the cache."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from throughtime.data.corpus import Corpus
from throughtime.data.progress import OnProgress
from throughtime.data.sentence_batches import Sentences, offsets_of
from throughtime.data.sentences import sentences_of
from throughtime.data.tokenizer import Tokenizer
from throughtime.machine.arrays import Array

By: TypeAlias = Literal["stream", "sentence"]

# So many ids are looked at together.
CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text's token ids, and where they came from.

    Attributes
    ----------
    name : str
        What to call the text.
    sha256 : str
        Of the text; for ids that came without a text, of these as little-endian int32.
    ids : integer array (N,)
        Of the smallest type that holds the vocabulary, or as they were given. May be a read-only memory map.
    offsets : int64 array (S + 1,), or None
        By sentence, where the S sentences begin in `ids` and end; None by stream.
    unknown : int
        How many of the ids are `unknown_id`.
    key : str or None
        What opens them again (`throughtime.data.cache.open_tokens`); None if they are not in the cache.
    files : tuple of str, or None
        What `throughtime.data.corpus.read` was given for the text, absolute; None if it cannot be read again.
    """

    name: str
    sha256: str
    ids: Array
    offsets: Array | None
    unknown: int
    key: str | None = None
    files: tuple[str, ...] | None = None

    @property
    def part(self) -> Array | Sentences:
        """What batches are made of: the ids themselves, or the sentences."""
        return self.ids if self.offsets is None else Sentences(self.ids, self.offsets)


def pieces(
    corpus: Corpus, tokenizer: Tokenizer, by: By, on_progress: OnProgress | None = None
) -> Iterator[Array]:
    """The ids of a text, a piece at a time: of any length by stream, of one sentence each by sentence."""
    blocks = corpus.blocks("tokenising", on_progress)
    if by == "sentence":
        return tokenizer.encode_each(sentences_of(blocks))
    return tokenizer.encode_blocks(blocks)


def tokens_in_memory(
    corpus: Corpus, tokenizer: Tokenizer, by: By, on_progress: OnProgress | None = None
) -> Tokens:
    """The token ids of a text, held in memory."""
    dtype = smallest_dtype(tokenizer)
    encoded = [ids.astype(dtype) for ids in pieces(corpus, tokenizer, by, on_progress)]
    ids = np.concatenate([np.zeros(0, dtype), *encoded])
    offsets = offsets_of([len(piece) for piece in encoded]) if by == "sentence" else None
    return Tokens(corpus.name, corpus.sha256, ids, offsets, tokenizer.count_unknown(ids))


def bare_tokens(ids: Array, tokenizer: Tokenizer | None) -> Tokens:
    """Ids that came without a text."""
    running = hashlib.sha256()
    for i in range(0, len(ids), CHUNK):
        running.update(ids[i : i + CHUNK].astype("<i4").tobytes())
    unknown = 0 if tokenizer is None else tokenizer.count_unknown(ids)
    return Tokens("token ids", running.hexdigest(), ids, None, unknown)


def smallest_dtype(tokenizer: Tokenizer) -> np.dtype[np.unsignedinteger]:
    """The smallest type that holds every id of a vocabulary."""
    return np.min_scalar_type(tokenizer.vocab_size - 1)
