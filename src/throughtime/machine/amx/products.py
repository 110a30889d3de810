"""Whole products: the recurrence's, with weights laid out once per sweep, and the large ones outside time."""

import threading

import numpy as np

from throughtime.errors import DtypeError, ShapeError
from throughtime.machine.amx.blocks import CORNER, multiply_block
from throughtime.machine.amx.packing import STEP, lay_panels
from throughtime.machine.amx.sides import SIDE, even_side, panels_of, upper
from throughtime.machine.amx.tiles import PANEL, configure, release
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled, equation

# What is laid out at a time. A panel of this depth fits the first cache (44 of 48 KB), and `RESIDENT` of them
# the second (1.4 of 2 MB).
DEPTH, RESIDENT = 704, 32
# Panels that pass by together, so that memory is gone through in longer stretches: where rows of `out` are long, each
# 128 bytes would be on a page of their own (18 -> 7 ms for (700, 10000, 200)).
GROUP = 4
_FLOAT32 = np.dtype(np.float32)
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
    ShapeError
        The shapes do not go together, or the rows of `out` are not contiguous.
    DtypeError
        One of them is not float32.
    """
    _check(a, b, out)
    if out.size:
        (a, a_stride, a_along), (b, b_stride, b_across) = _laid(a), _laid(b)
        left, right = (a.ctypes.data, a_stride, a_along), (b.ctypes.data, b_stride, not b_across)
        sizes = out.shape[0], a.shape[1], out.shape[1]
        _multiply(*left, *right, False, out.ctypes.data, out.strides[0], *sizes, _scratch(), DEPTH, RESIDENT)
    return out


def pack(w: Array) -> Array:
    """Lay out weights (K, N) for `product`.

    Returns
    -------
    (panels, steps, 2, 16, 32) of uint16, bfloat16's bits
        32 columns a panel, 32 rows a step.
    """
    K, N = w.shape
    panels, steps = panels_of(N), -(-K // STEP)
    packed = _aligned(panels * steps * PANEL // 2).reshape(panels, steps, 2, 16, STEP)
    if packed.size:
        w, stride, across = _laid(w)
        lay_panels(packed.ctypes.data, 0, panels, True, w.ctypes.data, stride, not across, N, SIDE, K)
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
    (M, K), blocks, steps = a.shape, panels_of(a.shape[0]), w.shape[1]
    # A sweep's threads share w, so the rounded rows have their place apart. To ask for it takes 0.1 us.
    scratch = np.empty((CORNER + blocks * steps * PANEL + _LINE) // 2, np.uint16)
    left, right = (address(a), a.strides[0], True), (address(w), 0, False)
    sizes = M, K, out.shape[1]
    _multiply(
        *left,
        *right,
        True,
        address(out),
        out.strides[0],
        *sizes,
        scratch,
        max(1, steps) * STEP,
        max(1, blocks),
    )


@equation
def address(array: Array) -> int:
    """Of its first number, as a signed integer, which sums with others stay."""
    return int(np.intp(array.ctypes.data))


@compiled
def _multiply(
    a: int,
    a_stride: int,
    a_along: bool,
    b: int,
    b_stride: int,
    b_along: bool,
    packed: bool,
    out: int,
    stride: int,
    M: int,
    K: int,
    N: int,
    scratch: Array,
    most: int,
    resident: int,
) -> None:
    """out (M, N) = a @ b: panels of the smaller operand stay laid out while those of the larger one pass by.

    Parameters
    ----------
    a, b, out : addresses
    a_along, b_along : whether memory runs along k
    packed : whether b is panels already
    scratch : an array, and not its address, so that it lives until this returns
    most : the depth of a pass, a multiple of 32
    resident : panels that stay laid out
    """
    rows, blocks, panels = even_side(M), panels_of(M), panels_of(N)
    few_rows = packed or M <= N
    staying, passing = (blocks, panels) if few_rows else (panels, blocks)
    group = 1 if packed else GROUP
    corner = -(-address(scratch) // _LINE) * _LINE
    host = corner + CORNER
    guest = host + resident * (most // STEP) * PANEL
    a_next, b_next = 4 if a_along else a_stride, 4 if b_along else b_stride
    configure(upper(rows), rows // 2)
    for k in range(0, max(1, K), most):
        depth = min(most, K - k)
        left = False, a + k * a_next, a_stride, a_along, M, rows, depth
        right = True, b + k * b_next, b_stride, b_along, N, SIDE, depth
        stays, passes = (left, right) if few_rows else (right, left)
        steps = -(-depth // STEP)
        size = steps * PANEL
        for first in range(0, staying, resident):
            last = min(staying, first + resident)
            lay_panels(host, first, last, *stays)
            for p in range(0, passing, group):
                q = min(passing, p + group)
                if packed:
                    guest = b + p * size
                else:
                    lay_panels(guest, p, q, *passes)
                x, i0, i1, y, j0, j1 = (
                    (host, first, last, guest, p, q) if few_rows else (guest, p, q, host, first, last)
                )
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        operands = x + (i - i0) * size, y + (j - j0) * size, steps
                        multiply_block(*operands, out, stride, M, N, i, rows, j, k > 0, corner)
    release()


_local = threading.local()


def _scratch() -> Array:
    """The thread's place for what is laid out, 1.5 MB, kept: new pages would cost more than most products."""
    if not hasattr(_local, "scratch"):
        _local.scratch = np.empty((CORNER + (GROUP + RESIDENT) * SIDE * DEPTH * 2 + _LINE) // 2, np.uint16)
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
    x = np.ascontiguousarray(x)
    return x, x.strides[0], True


def _check(a: Array, b: Array, out: Array) -> None:
    # The kernels see addresses only: what does not fit would be read and written all the same.
    if (a.shape[0], b.shape[1]) != out.shape or a.shape[1] != b.shape[0]:
        raise ShapeError(
            f"a, b and out have shapes {a.shape}, {b.shape} and {out.shape}; expected (M, K), (K, N) and (M, N)."
        )
    if not a.dtype == b.dtype == out.dtype == _FLOAT32:
        raise DtypeError(f"a, b and out are {a.dtype}, {b.dtype} and {out.dtype}; expected float32.")
    if out.size and out.shape[1] > 1 and out.strides[1] != out.itemsize:
        raise ShapeError(
            f"out has strides {out.strides}; expected contiguous rows. Pass an array in C order."
        )
