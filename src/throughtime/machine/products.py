"""Matrix products: the recurrence's, inside compiled sweeps, and the large ones outside time.

The recurrence multiplies a few rows by the same weights at every step, so a sweep lays the weights out once as its
product wants them. Which product it is follows from the type, the number of steps and the processor alone, and all of
them agree to rounding.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.machine.processor import float32_lanes
from throughtime.machine.streams import wide
from throughtime.machine.tiles import WIDTH, lay_out, lay_out_turned, multiply_panels, panels

WORTH_A_LAYOUT = 8  # steps
# Rows of the second operand: with fewer the library makes outer products at 1 GFLOP/s (a GRU over one channel of audio,
# its inputs' projections 1.21 -> 0.31 ms, the readout's way back 0.80 -> 0.04 ms).
_SHALLOW = 5
# Rows, and columns, of a product whose second operand lies turned: the library then brings all of that, much the larger
# one, into another order, and is faster at the product turned (20 words' logits, 8000 each: 0.72 -> 0.53 ms).
_FEW, _MANY = 32, 1024


class Room(Protocol):
    """Whoever has arrays to lend, as a `throughtime.machine.workspace.Workspace` has."""

    def empty(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of unspecified content."""


class Recurrence(NamedTuple):
    """A product that a sweep makes at each of its steps.

    multiply: compiled, (a (M, K), weights as laid out, out (M, N)). forward: lays weight_hh (G*H, H) out for
    h @ weight_hh.T. backward: for da @ weight_hh.
    """

    name: str
    multiply: Any
    forward: Callable[[Array, Room], Array]
    backward: Callable[[Array, Room], Array]


class Products(Protocol):
    """How products are made, for one precision."""

    def multiply(self, a: Array, b: Array, out: Array, room: Room) -> Array:
        """out = a @ b, for products outside time; transposed views need no copy."""

    def recurrence(self, steps: int, dtype: Any) -> Recurrence:
        """The product of a sweep over so many steps."""

    def of_rows(self) -> Recurrence:
        """The product of a lag-parallel sweep, which has as many rows as there are origins."""


@compiled
def blas(a: Array, w: Array, out: Array) -> None:
    """out = a @ w, inside compiled code: 0.06 to 0.4 us a call besides the product."""
    np.dot(a, w, out)


@compiled
def multiply_row(x: Array, w: Array, out: Array) -> None:
    """out (N,) = x (K,) @ w (K, N), inside compiled code: as fast as BLAS, and without its 0.2 us a call."""
    wide()
    K, N = w.shape
    for j in range(N):
        out[j] = 0
    whole = K // 4 * 4
    # Four rows at a time: one by one, `out` would be read and written as often as the weights are read.
    for k in range(0, whole, 4):
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        for j in range(N):
            out[j] = out[j] + x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j]
    for k in range(whole, K):
        for j in range(N):
            out[j] += x[k] * w[k, j]


def _turned(weight: Array, room: Room) -> Array:
    # A transposed operand slows each skinny product a little.
    copy = room.empty("turned weights", weight.T.shape, weight.dtype)
    copy[...] = weight.T
    return copy


def _panels(weight: Array, room: Room) -> Array:
    laid_out = room.empty("weights in panels", (panels(weight.shape[1]), len(weight), WIDTH), weight.dtype)
    lay_out(weight, laid_out)
    return laid_out


def _turned_panels(weight: Array, room: Room) -> Array:
    laid_out = room.empty(
        "turned weights in panels", (panels(len(weight)), weight.shape[1], WIDTH), weight.dtype
    )
    lay_out_turned(weight, laid_out)
    return laid_out


def _as_it_lies(weight: Array, room: Room) -> Array:
    return np.ascontiguousarray(weight)


def _turned_as_it_lies(weight: Array, room: Room) -> Array:
    return np.ascontiguousarray(weight).T


PLAIN = Recurrence("blas", blas, _turned, _as_it_lies)
"""The library's: for every type and processor."""

AS_IT_LIES = Recurrence("blas", blas, _turned_as_it_lies, _as_it_lies)
"""The library's without a copy, which costs as much as some steps."""

PANELS = Recurrence("panels", multiply_panels, _turned_panels, _panels)
"""`throughtime.machine.tiles`: float32 where the processor has the vectors for it."""


class Full:
    """Products in the operands' own type."""

    def multiply(self, a: Array, b: Array, out: Array, room: Room) -> Array:
        if len(b) < _SHALLOW and _fits(a, b, out):
            w = _turned_panels(b.T, room) if b.flags.f_contiguous else _panels(b, room)
            multiply_panels(a, w, out)
            return out
        if len(a) <= _FEW and b.shape[1] >= _MANY and b.flags.f_contiguous:
            turned = room.empty("turned product", out.T.shape, out.dtype)
            out[...] = np.matmul(b.T, a.T, out=turned).T
            return out
        return np.matmul(a, b, out=out)

    def recurrence(self, steps: int, dtype: Any) -> Recurrence:
        if steps < WORTH_A_LAYOUT:
            return AS_IT_LIES
        return PANELS if dtype == np.float32 and float32_lanes() else PLAIN

    def of_rows(self) -> Recurrence:
        return PLAIN  # as fast as any, with so many


def _fits(a: Array, b: Array, out: Array) -> bool:
    """Whether the product over panels takes these operands."""
    one_type = a.dtype == b.dtype == out.dtype == np.float32
    return one_type and bool(float32_lanes()) and a.flags.c_contiguous and out.flags.c_contiguous


FULL = Full()
