"""Blocks of a product: a left panel times a right one, into at most 32 rows and columns of the result."""

import numpy as np

from throughtime.machine.amx.tiles import block, copy_row
from throughtime.machine.arrays import Array
from throughtime.machine.jit import equation

SIDE = 32  # rows and columns of a block
CORNER = 4 * SIDE * SIDE  # bytes of a block by itself


@equation
def address(array: Array) -> int:
    """Of its first number, as a signed integer, which sums with others stay."""
    return int(np.intp(array.ctypes.data))


@equation
def height(M: int) -> int:
    """Rows of a block, so that the fewest blocks share M rows out evenly: 50 are 25 + 25, not 32 + 18; at least 2."""
    return max(2, -(-M // max(1, -(-M // SIDE))))


@equation
def upper_rows(rows: int) -> int:
    """Rows in the upper two tiles of a block with so many."""
    return rows - rows // 2


@equation
def first_row(number: int, rows: int, M: int) -> int:
    """Where a block begins: the last one moves up over its neighbour rather than stand over the edge."""
    return max(0, min(number * rows, M - rows))


@equation
def multiply_block(
    left: int,
    right: int,
    steps: int,
    out: int,
    stride: int,
    M: int,
    N: int,
    number: int,
    rows: int,
    panel: int,
    add: bool,
    corner: int,
) -> None:
    """One block of out (M, N): the `number`th from above in a panel of columns; tiles configured for `rows`.

    Parameters
    ----------
    left, right, out, corner : addresses; a corner's 4 KB stand in for what lies over the edge of `out`
    stride : bytes between rows of `out`
    add : whether the sums begin with what is there
    """
    first, columns = first_row(number, rows, M), min(SIDE, N - panel * SIDE)
    fresh, last = number * rows - first, min(rows, M)  # its neighbour has done the rows before `fresh`
    place = out + first * stride + 4 * SIDE * panel
    inside = columns == SIDE and last == rows and not (add and fresh)
    to, step = (place, stride) if inside else (corner, 4 * SIDE)
    if add and not inside:
        for row in range(fresh, last):
            copy_row(to + row * step, place + row * stride, columns)
    block(to, to + upper_rows(rows) * step, step, left, right, steps, add)
    if not inside:
        for row in range(fresh, last):
            copy_row(place + row * stride, to + row * step, columns)
