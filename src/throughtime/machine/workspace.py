"""What a computation works with: arrays that are used again from step to step, and the products it makes."""

import math
from typing import Any

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.products import FULL, Products


class Workspace:
    """Uninitialised arrays by name, the same one again whenever its size allows, and how products are made.

    A training step needs tens of megabytes; asking the system for fresh pages at every step costs as much as some of
    its sweeps. Whoever passes the same `Workspace` to a second call gives up what the first call returned.

    Parameters
    ----------
    products : Products
        In the operands' own type by default.
    """

    def __init__(self, products: Products = FULL) -> None:
        self.products = products
        self._arrays: dict[tuple[str, np.dtype[Any]], Array] = {}
        self._parts: dict[str, Workspace] = {}

    def part(self, name: str) -> "Workspace":
        """A workspace whose names are its own, for products of the same kind."""
        if name not in self._parts:
            self._parts[name] = Workspace(self.products)
        return self._parts[name]

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

    def multiply(self, a: Array, b: Array, out: Array) -> Array:
        """out = a @ b, both matrices; transposed views need no copy."""
        return self.products.multiply(a, b, out, self)
