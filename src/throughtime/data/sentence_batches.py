"""Sentences as training takes them: their tokens end to end, and batches of them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from throughtime.data.batch import Batch
from throughtime.data.vocabularies import END_ID, START_ID
from throughtime.errors import ArgumentError, TextError
from throughtime.machine.arrays import Array
from throughtime.targets import IGNORED

# So many offsets are looked at together.
_CHUNK = 1 << 16


class Sentences(Sequence[Array]):
    """The token ids of sentences, end to end in one array.

    An index gives one sentence, a slice again Sentences; neither copies ids. Both arrays may be memory-mapped.

    Parameters
    ----------
    ids : integer array (N,)
        The sentences' tokens, one sentence after the other.
    offsets : int64 array (S + 1,)
        Where each of the S sentences begins in `ids`, and where the last one ends.

    Examples
    --------
    >>> sentences = Sentences.of([[7, 8, 9], [], [5]])
    >>> len(sentences), sentences[-1].tolist(), sentences.sizes.tolist(), sentences[1:].ids.tolist()
    (3, [5], [3, 0, 1], [5])
    """

    def __init__(self, ids: Array, offsets: Array) -> None:
        self._ids, self._offsets = ids, offsets

    @classmethod
    def of(cls, sentences: Sequence[ArrayLike]) -> "Sentences":
        """Sentences that come one by one."""
        arrays = [np.asarray(ids, np.int32) for ids in sentences]
        return cls(np.concatenate([np.zeros(0, np.int32), *arrays]), offsets_of([len(ids) for ids in arrays]))

    @property
    def ids(self) -> Array:
        """The tokens of all of them."""
        return self._ids[self._offsets[0] : self._offsets[-1]]

    @property
    def sizes(self) -> Array:
        """How many tokens each has: uint32 array (S,)."""
        sizes = np.empty(len(self), np.uint32)
        for i in range(0, len(self), _CHUNK):
            sizes[i : i + _CHUNK] = np.diff(self._offsets[i : i + _CHUNK + 1])
        return sizes

    def holding(self, positions: Array) -> Array:
        """Which sentences hold the tokens at these positions of `ids`: int64 array of the same shape."""
        found: Array = np.searchsorted(self._offsets, positions + self._offsets[0], side="right") - 1
        return found

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            begin, end, step = index.indices(len(self))
            if step != 1:
                raise IndexError(f"sentences in steps of {step}; expected steps of 1")
            return Sentences(self._ids, self._offsets[begin : max(begin, end) + 1])
        if not -len(self) <= index < len(self):
            raise IndexError(f"sentence {index} of {len(self)}")
        index %= len(self)
        return self._ids[self._offsets[index] : self._offsets[index + 1]]


def offsets_of(sizes: ArrayLike) -> Array:
    """Where sentences of these sizes begin and end: int64 array (S + 1,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])


class SentenceBatches:
    """Sentences of similar lengths side by side, each with its start and its end, padded and masked.

    A sentence of n tokens is n+1 predictions: `<s> w1 ... wn` is read, `w1 ... wn </s>` is to be predicted. Shorter
    sentences are padded with `</s>` to read and -100 to predict; `lengths` says where. Every batch is fresh.

    An epoch shows each sentence once. The sentences are shuffled, sorted by length, cut into batches, and the batches
    shuffled, all from the seed and the epoch's number alone: any epoch can be had again without those before it.

    Parameters
    ----------
    sentences_ids : Sentences, or sequence of integer arrays (n,)
        The sentences' tokens, without start and end.
    batch_size : int
        B. The longest sentences' batch has fewer where B does not divide the number of sentences.
    seed : int or None
        None: no shuffling, shortest sentences first, as evaluation wants it.
    start_id, end_id : int
        The tokenizer's.

    Attributes
    ----------
    sentences : Sentences
    tokens : int
        Predictions in one epoch.
    longest : int
        Those of the longest sentence.

    Raises
    ------
    ArgumentError
        `batch_size` below 1, or `seed` negative.
    TextError
        No sentences.

    Examples
    --------
    >>> (batch,) = SentenceBatches([[7, 8, 9], [5]], batch_size=2, seed=None)
    >>> batch.inputs.T.tolist(), batch.targets.T.tolist(), batch.lengths.tolist()
    ([[1, 5, 2, 2], [1, 7, 8, 9]], [[5, 2, -100, -100], [7, 8, 9, 2]], [2, 4])
    """

    def __init__(
        self,
        sentences_ids: Sentences | Sequence[ArrayLike],
        batch_size: int,
        seed: int | None,
        *,
        start_id: int = START_ID,
        end_id: int = END_ID,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(
                f"batch_size is {batch_size}; expected at least 1. Give 1 for the article's SGD."
            )
        if seed is not None and seed < 0:
            raise ArgumentError(f"seed is {seed}; expected at least 0. Give None for no shuffling.")
        if len(sentences_ids) == 0:
            raise TextError("the text has 0 sentences; expected at least 1. Give a longer text.")
        self.sentences = (
            sentences_ids if isinstance(sentences_ids, Sentences) else Sentences.of(sentences_ids)
        )
        self._sizes = self.sentences.sizes
        self.batch_size = batch_size
        self.seed = seed
        self.start_id = start_id
        self.end_id = end_id
        self.longest = int(self._sizes.max()) + 1
        self.tokens = int(self._sizes.sum(dtype=np.int64)) + len(self._sizes)

    def __len__(self) -> int:
        return math.ceil(len(self.sentences) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, counted from 0, from the batch `start` of its order on."""
        # Some millions of sentences have their order in memory: four bytes for each.
        order = np.arange(len(self.sentences), dtype=np.uint32)
        batches = np.arange(len(self))
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, number])
            rng.shuffle(order)
            rng.shuffle(batches)
        order = order[np.argsort(self._sizes[order], kind="stable")]  # equal lengths stay shuffled
        return (self.batch(order[i * self.batch_size : (i + 1) * self.batch_size]) for i in batches[start:])

    def around(self, rng: np.random.Generator, count: int) -> Array:
        """The numbers of the sentences that hold `count` tokens, each drawn from all: int64 array (count,)."""
        positions = rng.integers(0, max(1, len(self.sentences.ids)), count)
        found: Array = np.minimum(self.sentences.holding(positions), len(self.sentences) - 1)
        return found

    def batch(self, chosen: Array) -> Batch:
        """The sentences of these numbers side by side."""
        lengths = self._sizes[chosen].astype(np.int64) + 1
        T, B = int(lengths.max()), len(chosen)
        inputs = np.full((T, B), self.end_id, np.int32)
        targets = np.full((T, B), IGNORED, np.int32)
        inputs[0] = self.start_id
        for b, sentence in enumerate(chosen.tolist()):
            n = lengths[b] - 1
            inputs[1 : n + 1, b] = targets[:n, b] = self.sentences[sentence]
            targets[n, b] = self.end_id
        return Batch(inputs, targets, lengths, fresh=True)
