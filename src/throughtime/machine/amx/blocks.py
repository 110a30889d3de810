"""Blocks of a product: a left panel times a right one."""

from throughtime.machine.amx.sides import SIDE, first_line, upper
from throughtime.machine.amx.tiles import block, copy_row
from throughtime.machine.jit import compiled

CORNER = 4 * SIDE * SIDE  # bytes of a block by itself


@compiled
def multiply_block(
    left: int,
    right: int,
    steps: int,
    out: int,
    stride: int,
    M: int,
    N: int,
    i: int,
    rows: int,
    j: int,
    add: bool,
    corner: int,
) -> None:
    """Block (i, j) of out (M, N), whose panels have `rows` rows, for which the tiles are configured, and 32 columns.

    Parameters
    ----------
    left, right, out, corner : addresses; the 4 KB of `corner` stand in where a block reaches over an edge of `out`
    stride : bytes between rows of `out`
    add : whether the sums begin with what is there
    """
    row, column = first_line(i, rows, M), first_line(j, SIDE, N)
    last_row, last_column = min(rows, M), min(SIDE, N)
    # What the panels before have done already.
    done_rows, done_columns = i * rows - row, j * SIDE - column
    place = out + row * stride + 4 * column
    inside = last_row == rows and last_column == SIDE and not (add and done_rows + done_columns)
    to, step = (place, stride) if inside else (corner, 4 * SIDE)
    if add and not inside:
        for r in range(done_rows, last_row):
            copy_row(to + r * step, place + r * stride, last_column)
    block(to, to + upper(rows) * step, step, left, right, steps, add)
    if not inside:
        for r in range(done_rows, last_row):
            offset = 4 * done_columns
            copy_row(place + r * stride + offset, to + r * step + offset, last_column - done_columns)
