"""Gradients that are kept as what they are made of, where making the whole array would be most of the work.

A batch of few rows gives a readout's weight a gradient of low rank, and a text of few words touches few rows of an
embedding or columns of a one-hot input. Stochastic gradient descent needs neither array: their norms follow from their
parts, and each is added to its parameter as it is made. The article's model, 20 words of 8000, takes 2.4 ms a step
where whole arrays take 3.4.
"""

import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg.blas import dgemm, sgemm

from throughtime.machine.arrays import Array
from throughtime.machine.rows import add_rows, add_scaled_rows, euclidean_norm


class Structured(ABC):
    """A gradient of `shape` and `dtype`, times a factor that clipping changes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def __init__(self) -> None:
        self.factor = 1.0

    @abstractmethod
    def norm(self) -> float:
        """The Euclidean norm, in float64; NaN or infinite if an element is."""

    @abstractmethod
    def add_to(self, array: Array, scale: float) -> None:
        """array += scale * gradient."""

    @abstractmethod
    def joined(self, other: "Structured") -> "Structured":
        """The sum with another of the same kind and shape, neither of them scaled."""

    def dense(self) -> Array:
        """The whole array."""
        array = np.zeros(self.shape, self.dtype)
        self.add_to(array, 1.0)
        return array


_LARGE = 1 << 17  # numbers: smaller arrays stay in cache, and the norm alone takes 30 us

Gradient: TypeAlias = Array | Structured


class OuterProducts(Structured):
    """left.T @ right, for left (N, V) and right (N, H) of few rows.

    With right.T = Q R, the norm is that of R @ left, (N, V): Q's columns are orthonormal. The Gram matrices of both sides
    would do, too, but their sum loses digits where the outer products cancel, and in float64 they take twice as long.
    """

    def __init__(self, left: Array, right: Array) -> None:
        super().__init__()
        self.left, self.right = left, right
        self.shape, self.dtype = (left.shape[1], right.shape[1]), left.dtype

    @staticmethod
    def pays(rows: int, shape: tuple[int, ...]) -> bool:
        """Whether products with (N, N) cost less than passing through (V, H) a few times."""
        height, width = shape
        return rows * rows <= 32 * width and height * width >= _LARGE

    def norm(self) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # the norm tells
            triangle = np.linalg.qr(self.right.T, mode="r")
            return abs(self.factor) * euclidean_norm((triangle @ self.left).reshape(-1))

    def add_to(self, array: Array, scale: float) -> None:
        gemm = sgemm if self.dtype == np.float32 else dgemm
        rate, half = self._split(scale)
        left, right = (_times(half, part) for part in (self.left, self.right))
        # It adds in place, which np.matmul cannot, to a matrix in Fortran's order: to the array, or to it turned.
        if array.flags.c_contiguous:
            left, right, array = right, left, array.T
        gemm(rate, left.T, right.T, beta=1.0, c=array, trans_b=True, overwrite_c=True)

    def _split(self, scale: float) -> tuple[float, float]:
        """What the product is multiplied by, and each of its sides."""
        rate = scale * self.factor
        # Where a clipped gradient was so large that this would be no normal number, the sides are small enough for it.
        return (rate, 1.0) if _is_normal(rate, self.dtype) else (scale, math.sqrt(self.factor))

    def joined(self, other: Structured) -> "OuterProducts":
        assert isinstance(other, OuterProducts)
        return OuterProducts(
            np.concatenate([self.left, other.left]), np.concatenate([self.right, other.right])
        )


class SomeRows(Structured):
    """Gradients of some rows of a table, zeros elsewhere; or of columns, if `turned`.

    Parameters
    ----------
    ids : (N,) of int
        Which rows; one that comes twice has the sum.
    rows : (N, width)
    count : int
        How many the table has.
    turned : bool
        Whether the parameter is the table turned, (width, count) in Fortran order.
    """

    def __init__(self, ids: Array, rows: Array, count: int, turned: bool) -> None:
        super().__init__()
        self.ids, place = np.unique(ids, return_inverse=True)
        self.rows = np.zeros((len(self.ids), rows.shape[1]), rows.dtype)
        add_rows(rows, place.ravel(), self.rows)
        self.count, self.turned, self.dtype = count, turned, rows.dtype
        self.shape = (rows.shape[1], count) if turned else (count, rows.shape[1])

    def norm(self) -> float:
        return abs(self.factor) * euclidean_norm(self.rows.reshape(-1))

    def add_to(self, array: Array, scale: float) -> None:
        table = array.T if self.turned else array
        rate, rows = scale * self.factor, self.rows
        if not _is_normal(rate, self.dtype):
            rate, rows = scale, _times(self.factor, rows)
        add_scaled_rows(rows, self.dtype.type(rate), self.ids, table)

    def joined(self, other: Structured) -> "SomeRows":
        assert isinstance(other, SomeRows)
        return SomeRows(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.rows, other.rows]),
            self.count,
            self.turned,
        )


def as_array(gradient: Gradient) -> Array:
    """The whole array."""
    return gradient.dense() if isinstance(gradient, Structured) else gradient


def add_gradients(total: Gradient, more: Gradient) -> Gradient:
    """The sum of two gradients; an array among them becomes it."""
    if isinstance(total, Structured):
        if isinstance(more, Structured):
            return total.joined(more)
        total, more = more, total
    if isinstance(more, Structured):
        more.add_to(total, 1.0)
    else:
        total += more
    return total


def _is_normal(number: float, dtype: np.dtype[Any]) -> bool:
    return number == 0 or abs(number) >= np.finfo(dtype).tiny


def _times(factor: float, part: Array) -> Array:
    """factor * part, the factor in float64: it need be no normal number of the part's own type."""
    if factor == 1:
        return part
    scaled: Array = (part.astype(np.float64) * factor).astype(part.dtype)
    return scaled
