"""How a batch lies in PyTorch's arrays, and in the sweeps' (T, B, feature)."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.shares import parts
from throughtime.torch.layers.call import Call


class Layout(Protocol):
    """Where the steps of a batch's sequences are."""

    lengths: Array | None  # (B,), where they differ

    def by_step(self, array: Array) -> Array:
        """(T, B, feature), contiguous."""

    def back(self, array: Array) -> Array:
        """(T, B, feature) as PyTorch has it."""

    def between(self, draw: Callable[[tuple[int, ...]], Array], T: int, B: int) -> Array:
        """(T, B, feature) of what is drawn in the shape, features apart, that PyTorch's layers hand to each other."""

    def parts(self, B: int, count: int) -> list[slice]:
        """The batch in `count` parts of like work."""


class Padded:
    """(T, B, feature), or (B, T, feature) where the batch comes first."""

    lengths: Array | None = None

    def __init__(self, batch_first: bool) -> None:
        self._batch_first = batch_first

    def by_step(self, array: Array) -> Array:
        return np.ascontiguousarray(array.swapaxes(0, 1) if self._batch_first else array)

    def back(self, array: Array) -> Array:
        return array.swapaxes(0, 1) if self._batch_first else array

    def between(self, draw: Callable[[tuple[int, ...]], Array], T: int, B: int) -> Array:
        return draw((T, B))

    def parts(self, B: int, count: int) -> list[slice]:
        return parts(B, count)


class Packed:
    """(N, feature): step after step of all sequences that have it, the longest first."""

    def __init__(self, batch_sizes: Array) -> None:
        self._real = np.arange(batch_sizes[0]) < batch_sizes[:, None]
        self.lengths: Array | None = self._real.sum(axis=0)
        self._total = int(batch_sizes.sum())

    def by_step(self, array: Array) -> Array:
        padded = np.zeros((*self._real.shape, array.shape[1]), array.dtype)
        padded[self._real] = array
        return padded

    def back(self, array: Array) -> Array:
        return array[self._real]

    def between(self, draw: Callable[[tuple[int, ...]], Array], T: int, B: int) -> Array:
        return self.by_step(draw((self._total,)))

    def parts(self, B: int, count: int) -> list[slice]:
        count = min(count, B)
        return [slice(n, None, count) for n in range(count)]  # long ones and short ones in each


def layout_of(call: Call) -> Layout:
    """The layout of a call's input."""
    return Padded(call.batch_first) if call.batch_sizes is None else Packed(call.batch_sizes.numpy())
