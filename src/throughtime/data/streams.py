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
    shorter where `seq_len` does not divide the streams. `batches[i]` gives any batch without those before it; `chunk`
    gives one that looks back over steps before its chunk.

    Parameters
    ----------
    ids : integer array (N,)
        The tokens; never copied as a whole, so they may be memory-mapped.
    batch_size : int
        B, the number of streams.
    seq_len : int
        T, the steps of a chunk.
    name : str
        What to call the text in an error message.

    Attributes
    ----------
    ids : as it was given
    tokens : int
        Predictions in one epoch.

    Raises
    ------
    ArgumentError
        `batch_size` or `seq_len` below 1.
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
    >>> last = StreamBatches([0, 1, 2, 3, 4, 5], batch_size=1, seq_len=2).chunk(2, begin=3)
    >>> last.inputs.ravel().tolist(), last.targets.ravel().tolist(), last.fresh
    ([3, 4], [-100, 5], False)
    """

    def __init__(
        self,
        ids: ArrayLike,
        batch_size: int,
        seq_len: int,
        *,
        name: str = "the text",
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(
                f"batch_size is {batch_size}; expected at least 1. Give 1 for a single stream."
            )
        if seq_len < 1:
            raise ArgumentError(f"seq_len is {seq_len}; expected at least 1. Give the steps of one update.")
        self.ids = _as_ids(ids)
        N = len(self.ids)
        if batch_size >= N:
            remedy = "Give a longer text."
            if N > 1:
                remedy = f"Give a longer text, or a batch_size of at most {N - 1}."
            raise TextError(
                f"{name} has {N} tokens; expected at least {batch_size + 1} for batch_size {batch_size}. {remedy}"
            )
        self.batch_size = batch_size
        self.seq_len = seq_len
        self.tokens = N - 1
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
        return self.chunk(index, index * self.seq_len)

    def __iter__(self) -> Iterator[Batch]:
        return (self[i] for i in range(len(self)))

    def chunk(self, index: int, begin: int, look_back: int = 0) -> Batch:
        """The batch that scores one chunk, begun at an earlier step or at the chunk's own first.

        The steps before the chunk are run again and not scored: their targets are -100, so each prediction still counts
        once. Where it begins at the streams' start it is fresh; otherwise it continues from the state at `begin`, which
        the batch before has carried there: `begin` is that one's own and its `advance`.

        Parameters
        ----------
        index : int
            Of the chunk, from 0.
        begin : int
            The step of the streams at which the batch begins.
        look_back : int
            How many steps before its own chunk the next batch is to begin. It begins no earlier than this one, though:
            no state is known from there. `Chunk(k1, k2)` is seq_len=k1 with k2-k1 at each batch.

        Raises
        ------
        ArgumentError
            `begin` lies outside the streams or behind the chunk's first step, or `look_back` is negative.
        """
        scored = index * self.seq_len
        if not 0 <= begin <= scored < self._steps or look_back < 0:
            raise ArgumentError(
                f"chunk {index} from step {begin} with look_back={look_back} found; expected one of {len(self)} chunks, begun "
                "by its first step, and a look_back of at least 0. Begin where the batch before says."
            )
        stop = min(scored + self.seq_len, self._steps)
        t = np.arange(begin, stop)[:, None]
        position = self._first + t
        beyond = position > self._last
        position = np.minimum(position, self._last)  # past its end a stream repeats its last input, unscored
        targets = self.ids[position + 1].astype(np.int32)
        targets[beyond | (t < scored)] = IGNORED
        following = stop if stop == self._steps else max(begin, stop - look_back)
        return Batch(
            self.ids[position].astype(np.int32),
            targets,
            lengths=None,
            fresh=begin == 0,
            carry=None if following == stop else following - begin,
        )


def _as_ids(ids: ArrayLike) -> Array:
    array = np.asarray(ids)  # of a memory map, too, a view
    if array.ndim != 1:
        raise ShapeError(f"ids have shape {array.shape}; expected one dimension. Pass ids.ravel().")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise DtypeError(f"ids are of dtype {array.dtype}; expected integers. Encode the text first.")
    return array
