"""A text as B parallel streams, cut into chunks whose state carries over."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from throughtime.data.batch import Batch
from throughtime.errors import ArgumentError, DtypeError, ShapeError, TextError
from throughtime.machine.arrays import Array
from throughtime.targets import IGNORED


class StreamBatches:
    """Cut one long sequence of tokens into B streams, and these into chunks of `seq_len` steps.

    N tokens hold N-1 predictions: token i+1 from token i. Stream b gets the b-th of B contiguous runs of them, so
    each prediction falls to exactly one stream and none is dropped, neither between streams nor at the end. Where
    B does not divide N-1 the last streams are one step shorter, and their last target is -100.

    Every epoch is the same: the first batch is fresh, each other one continues its predecessor. The last batch is
    shorter where `seq_len` does not divide the streams. `batches[i]` gives any batch without those before it.

    With `look_back` a batch begins so many steps before its chunk, or at the stream's start if that is nearer. Those
    steps are run again and not scored: their targets are -100, so each prediction still counts once. While batches
    begin at the stream's start they are fresh; `carry` says where in a batch the next one begins.

    Parameters
    ----------
    ids : integer array (N,)
        The tokens; never copied as a whole, so they may be memory-mapped.
    batch_size : int
        B, the number of streams.
    seq_len : int
        T, the steps of a chunk.
    look_back : int
        How many steps before its chunk a batch begins. `Chunk(k1, k2)` is seq_len=k1 with look_back=k2-k1.
    name : str
        What to call the text in an error message.

    Raises
    ------
    ArgumentError
        `batch_size` or `seq_len` below 1, or `look_back` negative.
    ShapeError, DtypeError
        `ids` is not one-dimensional, or not of integers.
    TextError
        Fewer than batch_size + 1 tokens: a stream would be left without a prediction.

    Examples
    --------
    >>> first, last = StreamBatches([0, 1, 2, 3, 4, 5], batch_size=2, seq_len=2)
    >>> first.inputs.tolist(), first.targets.tolist()
    ([[0, 3], [1, 4]], [[1, 4], [2, 5]])
    >>> last.inputs.tolist(), last.targets.tolist()
    ([[2, 4]], [[3, -100]])
    >>> *_, last = StreamBatches([0, 1, 2, 3, 4, 5], batch_size=1, seq_len=2, look_back=1)
    >>> last.inputs.ravel().tolist(), last.targets.ravel().tolist(), last.fresh
    ([3, 4], [-100, 5], False)
    """

    def __init__(
        self,
        ids: ArrayLike,
        batch_size: int,
        seq_len: int,
        look_back: int = 0,
        *,
        name: str = "the text",
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(
                f"batch_size is {batch_size}; expected at least 1. Give 1 for a single stream."
            )
        if seq_len < 1:
            raise ArgumentError(f"seq_len is {seq_len}; expected at least 1. Give the steps of one update.")
        if look_back < 0:
            raise ArgumentError(
                f"look_back is {look_back}; expected at least 0. Give 0 to begin each batch where its chunk begins."
            )
        self._ids = _as_ids(ids)
        N = len(self._ids)
        if batch_size >= N:
            remedy = "Give a longer text."
            if N > 1:
                remedy = f"Give a longer text, or a batch_size of at most {N - 1}."
            raise TextError(
                f"{name} has {N} tokens; expected at least {batch_size + 1} for batch_size {batch_size}. {remedy}"
            )
        self.batch_size = batch_size
        self.seq_len = seq_len
        self.look_back = look_back
        self.tokens = N - 1  # predictions in one epoch
        steps, longer = divmod(N - 1, batch_size)
        sizes = np.full(batch_size, steps)
        sizes[:longer] += 1
        self._last = np.cumsum(sizes) - 1  # of each stream, the position of its last input
        self._first = self._last - sizes + 1
        self._steps = int(sizes[0])

    def __len__(self) -> int:
        return math.ceil(self._steps / self.seq_len)

    def __getitem__(self, index: int) -> Batch:
        if not -len(self) <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        index %= len(self)
        begin, scored = self._begin(index), index * self.seq_len
        t = np.arange(begin, min(scored + self.seq_len, self._steps))[:, None]
        position = self._first + t
        beyond = position > self._last
        position = np.minimum(position, self._last)  # past its end a stream repeats its last input, unscored
        targets = self._ids[position + 1].astype(np.int32)
        targets[beyond | (t < scored)] = IGNORED
        continued = self.look_back > 0 and index + 1 < len(self)
        return Batch(
            self._ids[position].astype(np.int32),
            targets,
            lengths=None,
            fresh=begin == 0,
            carry=self._begin(index + 1) - begin if continued else None,
        )

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of any epoch, from the batch `start` on: the text's order is the same in all."""
        del number
        return (self[i] for i in range(start, len(self)))

    def _begin(self, index: int) -> int:
        """The step of its stream at which a batch begins."""
        return max(0, index * self.seq_len - self.look_back)


def _as_ids(ids: ArrayLike) -> Array:
    array = np.asarray(ids)  # of a memory map, too, a view
    if array.ndim != 1:
        raise ShapeError(f"ids have shape {array.shape}; expected one dimension. Pass ids.ravel().")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise DtypeError(f"ids are of dtype {array.dtype}; expected integers. Encode the text first.")
    return array
