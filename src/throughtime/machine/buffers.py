"""Arrays that are used again from step to step."""

import math
from typing import Any

import numpy as np

from throughtime.machine.arrays import Array


class Buffers:
    """Uninitialised arrays by name, the same one again whenever its size allows.

    A training step needs tens of megabytes; asking the system for fresh pages at every step costs as much as some of
    its sweeps. Whoever passes the same `Buffers` to a second call gives up what the first call returned.
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, np.dtype[Any]], Array] = {}
        self._parts: dict[str, Buffers] = {}

    def part(self, name: str) -> "Buffers":
        """Buffers whose names are their own."""
        return self._parts.setdefault(name, Buffers())

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of unspecified content."""
        key = name, np.dtype(dtype)
        size = math.prod(shape)
        flat = self._arrays.get(key)
        if flat is None or flat.size < size:
            flat = self._arrays[key] = np.empty(size, dtype)
        return flat[:size].reshape(shape)

    def zeros(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of zeros."""
        array = self.empty(name, shape, dtype)
        array[...] = 0
        return array
