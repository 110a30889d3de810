"""Whole products: the recurrence's, with weights laid out once per sweep, and the large ones outside time."""

import threading

import numpy as np

from throughtime.machine.amx.blocks import (
    CORNER,
    SIDE,
    address,
    first_row,
    height,
    multiply_block,
    upper_rows,
)
from throughtime.machine.amx.packing import STEP, left_panel, right_panel
from throughtime.machine.amx.tiles import PANEL, configure, release
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled

# What is laid out at a time. A panel of this depth fits the first cache (44 of 48 KB), and as many of them as make up
# `RESIDENT` rows the second (1.4 of 2 MB).
DEPTH, RESIDENT = 704, 1024
_LINE = 64  # bytes: a row of a tile is one cache line if it is aligned, otherwise two


def multiply(a: Array, b: Array, out: Array) -> Array:
    """out = a @ b, operands rounded to bfloat16, sums in float32.

    Parameters
    ----------
    a, b : (M, K) and (K, N) of float32
        With any row stride, or transposed views of such; others are copied.
    out : (M, N) of float32
        Contiguous in its rows, which may be any distance apart; it shares no memory with a or b.

    Raises
    ------
    ValueError
        The shapes do not go together, a type is not float32, or the rows of `out` are not contiguous.
    """
    _check(a, b, out)
    if not a.shape[1]:
        out[...] = 0
    elif out.size:
        (a, a_stride, along_a), (b, b_stride, across_b) = _laid(a), _laid(b)
        (M, N), K, scratch = out.shape, a.shape[1], _scratch()
        left, right = (a.ctypes.data, a_stride, along_a), (b.ctypes.data, b_stride, not across_b)
        room = scratch.ctypes.data, DEPTH, RESIDENT
        _multiply(*left, *right, out.ctypes.data, out.strides[0], M, K, N, *room)
    return out


def pack(w: Array) -> Array:
    """Lay out weights (K, N) for `product`.

    Returns
    -------
    (panels, steps, 2, 16, 32) of uint16, bfloat16's bits
        32 columns a panel, 32 rows a step.
    """
    K, N = w.shape
    panels, steps = -(-N // SIDE), -(-K // STEP)
    packed = _aligned(panels * steps * PANEL // 2).reshape(panels, steps, 2, 16, STEP)
    if packed.size:
        w, stride, across = _laid(w)
        _pack(w.ctypes.data, stride, not across, K, N, packed.ctypes.data)
    return packed


@compiled
def product(a: Array, w: Array, out: Array) -> None:
    """out = a @ w inside compiled code.

    Parameters
    ----------
    a : (M, K) of float32, contiguous in its rows
    w : what `pack` made of (K, N)
    out : (M, N) of float32, contiguous in its rows
    """
    blocks = -(-a.shape[0] // SIDE)
    # A sweep's threads share w, so the rounded rows have their place apart; asking for it takes 0.1 us.
    scratch = np.empty(CORNER + blocks * w.shape[1] * PANEL + _LINE, np.uint8)
    _product(a, w, out, scratch)


@compiled
def _product(a: Array, w: Array, out: Array, scratch: Array) -> None:
    """A function by itself, as arrays whose addresses are taken must outlive their use: arguments do."""
    (M, K), N, rows = a.shape, out.shape[1], height(a.shape[0])
    blocks, size = -(-M // rows), w.shape[1] * PANEL
    corner = -(-address(scratch) // _LINE) * _LINE
    left, right = corner + CORNER, address(w)
    for i in range(blocks):
        lines = address(a) + first_row(i, rows, M) * a.strides[0]
        left_panel(lines, a.strides[0], True, min(rows, M), upper_rows(rows), K, left + i * size)
    configure(upper_rows(rows), rows // 2)
    place, stride, steps = address(out), out.strides[0], w.shape[1]
    for p in range(w.shape[0]):
        for i in range(blocks):
            operands = left + i * size, right + p * size, steps
            multiply_block(*operands, place, stride, M, N, i, rows, p, False, corner)
    release()


@compiled
def _pack(w: int, stride: int, along: bool, K: int, N: int, to: int) -> None:
    for p in range(-(-N // SIDE)):
        lay_columns(p, N, w, stride, along, 0, K, to)
        to += -(-K // STEP) * PANEL


@compiled
def lay_columns(p: int, N: int, b: int, stride: int, along: bool, k: int, depth: int, to: int) -> None:
    """Lay out the right operand's panel p, from k."""
    across, down = (stride, 4) if along else (4, stride)
    right_panel(
        b + SIDE * p * across + k * down, stride, along, min(SIDE, N - SIDE * p), SIDE // 2, depth, to
    )


@compiled
def lay_rows(
    i: int, rows: int, M: int, a: int, stride: int, along: bool, k: int, depth: int, to: int
) -> None:
    """Lay out the left operand's rows for block i, from k."""
    down, across = (stride, 4) if along else (4, stride)
    lines = a + first_row(i, rows, M) * down + k * across
    left_panel(lines, stride, along, min(rows, M), upper_rows(rows), depth, to)


@compiled
def _multiply(
    a: int,
    a_stride: int,
    a_along: bool,
    b: int,
    b_stride: int,
    b_along: bool,
    out: int,
    stride: int,
    M: int,
    K: int,
    N: int,
    scratch: int,
    most: int,
    resident: int,
) -> None:
    """out (M, N) = a @ b: panels of the smaller operand stay laid out while those of the larger one pass by.

    Parameters
    ----------
    a, b, out, scratch : addresses; those of panels are multiples of 64
    a_along, b_along : whether memory runs along k
    most : the depth of a pass, a multiple of 32
    resident : rows or columns that stay, a multiple of 32
    """
    few_rows, rows = M <= N, height(M)
    blocks, panels = -(-M // rows), -(-N // SIDE)
    staying, passing = (blocks, panels) if few_rows else (panels, blocks)
    corner, guest = scratch, scratch + CORNER
    host = guest + most // STEP * PANEL
    configure(upper_rows(rows), rows // 2)
    for k in range(0, K, most):
        depth = min(most, K - k)
        steps = -(-depth // STEP)
        for first in range(0, staying, resident // SIDE):
            last = min(staying, first + resident // SIDE)
            for s in range(first, last):
                to = host + (s - first) * steps * PANEL
                if few_rows:
                    lay_rows(s, rows, M, a, a_stride, a_along, k, depth, to)
                else:
                    lay_columns(s, N, b, b_stride, b_along, k, depth, to)
            for p in range(passing):
                if few_rows:
                    lay_columns(p, N, b, b_stride, b_along, k, depth, guest)
                else:
                    lay_rows(p, rows, M, a, a_stride, a_along, k, depth, guest)
                for s in range(first, last):
                    to = host + (s - first) * steps * PANEL
                    left, right, i, j = (to, guest, s, p) if few_rows else (guest, to, p, s)
                    multiply_block(left, right, steps, out, stride, M, N, i, rows, j, k > 0, corner)
    release()


_local = threading.local()


def _scratch() -> Array:
    """The thread's place for what is laid out, 1.5 MB, kept: new pages would cost more than most products."""
    if not hasattr(_local, "scratch"):
        _local.scratch = _aligned((CORNER + (SIDE + RESIDENT) * DEPTH * 2) // 2)
    scratch: Array = _local.scratch
    return scratch


def _aligned(halves: int) -> Array:
    """So many uint16, unspecified, from the beginning of a cache line."""
    room = np.empty(halves + _LINE // 2, np.uint16)
    start = -room.ctypes.data % _LINE // 2
    return room[start : start + halves]


def _laid(x: Array) -> tuple[Array, int, bool]:
    """x, or a copy of it; the bytes between its lines; and whether a line is a row."""
    if x.strides[1] == x.itemsize:
        return x, x.strides[0], True
    if x.strides[0] == x.itemsize:
        return x, x.strides[1], False
    return _laid(np.ascontiguousarray(x))


def _check(a: Array, b: Array, out: Array) -> None:
    # The kernels see addresses only: what does not fit would be read and written all the same.
    if (a.shape[0], b.shape[1]) != out.shape or a.shape[1] != b.shape[0]:
        raise ValueError(
            f"a, b and out have shapes {a.shape}, {b.shape} and {out.shape}; expected (M, K), (K, N) and (M, N)."
        )
    if not all(x.dtype == np.float32 for x in (a, b, out)):
        raise ValueError(f"a, b and out are {a.dtype}, {b.dtype} and {out.dtype}; expected float32.")
    if out.size and out.shape[1] > 1 and out.strides[1] != out.itemsize:
        raise ValueError(
            f"out has strides {out.strides}; expected its rows contiguous. Pass an array in C order."
        )
