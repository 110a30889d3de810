"""Gradients that are kept as what they are made of, where making the whole array would be most of the work.

A batch of few rows gives a readout's weight a gradient of low rank, and a text of few words touches few rows of an
embedding or columns of a one-hot input. Stochastic gradient descent needs neither array: their norms follow from their
parts, and each is added to its parameter as it is made. The article's model, 20 words of 8000, takes W1NEW ms a step
where whole arrays take W1OLD.
"""

import math
from abc import ABC, abstractmethod
from typing import TypeAlias

import numpy as np
from scipy.linalg.blas import dgemm, sgemm

from throughtime.machine.arrays import Array
from throughtime.machine.rows import add_rows, add_scaled_rows, sum_of_squares_in_float64


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


_LARGE = 1 << 17  # numbers: smaller arrays stay in cache, and the triangle alone takes 40 us

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
            return abs(self.factor) * _norm(triangle @ self.left)

    def add_to(self, array: Array, scale: float) -> None:
        gemm = sgemm if self.dtype == np.float32 else dgemm
        # Fortran's matrices are these ones turned; it adds in place, which np.matmul cannot.
        gemm(
            scale * self.factor,
            self.right.T,
            self.left.T,
            beta=1.0,
            c=array.T,
            trans_b=True,
            overwrite_c=True,
        )

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
        return abs(self.factor) * _norm(self.rows)

    def add_to(self, array: Array, scale: float) -> None:
        table = array.T if self.turned else array
        add_scaled_rows(self.rows, self.dtype.type(scale * self.factor), self.ids, table)

    def joined(self, other: Structured) -> "SomeRows":
        assert isinstance(other, SomeRows)
        return SomeRows(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.rows, other.rows]),
            self.count,
            self.turned,
        )


def _norm(array: Array) -> float:
    return math.sqrt(sum_of_squares_in_float64(array.reshape(-1)))


def as_array(gradient: Gradient) -> Array:
    """The whole array."""
    return gradient.dense() if isinstance(gradient, Structured) else gradient


def add_gradients(total: Gradient, more: Gradient) -> Gradient:
    """The sum of two gradients of one kind; arrays are added up in `total`."""
    if isinstance(total, Structured):
        assert isinstance(more, Structured)
        return total.joined(more)
    total += more
    return total
