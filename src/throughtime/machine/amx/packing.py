"""Panels: 32 rows of a left operand, or 32 columns of a right one, rounded to bfloat16 and laid out as tiles.

Along k a panel goes in steps of 32, two tiles each (`PANEL` bytes). As words of two neighbours in k, a left tile has one
line of the operand in each row, a right tile one in each column, so that each is the other turned over. An operand
whose memory runs along k gives 32 numbers of a line at a time; one whose memory runs across the lines, 16 pairs of them.
What is beyond the operand's edge becomes 0 and is not read.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from throughtime.machine.amx.sides import first_line, upper
from throughtime.machine.amx.tiles import PANEL, TILE, call, first_lanes, load_lanes, number, pointer
from throughtime.machine.jit import compiled

STEP = 32  # in k, of one tile

_WORDS = ir.VectorType(ir.IntType(32), 16)
_HALVES = ir.VectorType(ir.IntType(16), 32)
_NONE = ir.Constant(ir.VectorType(ir.IntType(1), 16), None)


def _shuffle(builder: Any, low: Any, high: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


def _rounded(builder: Any, low: Any, high: Any) -> Any:
    """32 float32 as bfloat16: to the nearest, ties to even; NaN stays NaN, denormals become 0."""
    # In the form of 16-bit integers that LLVM had before its own bfloat type, which llvmlite lacks; LLVM still reads it.
    # Rounding with integer instructions would take a dozen for each vector in place of this one.
    return call(builder, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", _HALVES, high, low)


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """16 x 16 words, transposed by exchanging the off-diagonal blocks of 1, 2, 4 and 8."""
    for size in (1, 2, 4, 8):
        lanes = range(16)
        upper = [j - size + 16 if j & size else j for j in lanes]
        lower = [j + 16 if j & size else j + size for j in lanes]
        rows = [
            _shuffle(builder, rows[i - size], row, lower)
            if i & size
            else _shuffle(builder, row, rows[i + size], upper)
            for i, row in enumerate(rows)
        ]
    return rows


def _tile_maker(pairs: bool, turned: bool) -> Any:
    @intrinsic
    def lay_tile(typing, to, source, stride, rows, columns):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            to, source, stride, rows, columns = arguments
            masks = first_lanes(builder, columns), first_lanes(builder, builder.sub(columns, number(16)))

            def read(row: int, half: int) -> Any:
                there = builder.icmp_signed("<", number(row), rows)
                offset = builder.add(builder.mul(stride, number(row)), number(64 * half))
                return load_lanes(
                    builder, builder.add(source, offset), builder.select(there, masks[half], _NONE)
                )

            tile = []
            for row in range(16):
                if pairs:
                    halves = _rounded(builder, read(2 * row, 0), read(2 * row + 1, 0))
                    order = [lane // 2 + 16 * (lane % 2) for lane in range(32)]
                    halves = _shuffle(builder, halves, halves, order)
                else:
                    halves = _rounded(builder, read(row, 0), read(row, 1))
                tile.append(builder.bitcast(halves, _WORDS))
            for row, words in enumerate(_turned(builder, tile) if turned else tile):
                builder.store(words, pointer(builder, to, 64 * row, _WORDS), align=64)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), generate

    return lay_tile


# 16 lines of 32 numbers, or 32 rows of 16 lines' numbers.
lay_left_along, lay_left_across = _tile_maker(pairs=False, turned=False), _tile_maker(pairs=True, turned=True)
lay_right_along, lay_right_across = (
    _tile_maker(pairs=False, turned=True),
    _tile_maker(pairs=True, turned=False),
)


@compiled
def lay_panels(
    to: int,
    first: int,
    last: int,
    right: bool,
    source: int,
    stride: int,
    along: bool,
    lines: int,
    side: int,
    depth: int,
) -> None:
    """Lay out panels `first` to `last` of an operand, one after the other, from k = 0 to `depth`.

    One kernel for both operands and both directions, as each kernel is optimised once more in all that call it.

    Parameters
    ----------
    to : address, a multiple of 64
    right : whether the lines are columns of the right operand rather than rows of the left one
    source : address of the first line's first number
    stride : bytes between lines if memory runs `along` k, otherwise between neighbours in k
    lines, side : of the whole operand, and of a panel
    """
    next_line, next_k = (stride, 4) if along else (4, stride)
    half, there = upper(side), min(side, lines)
    panels, steps = last - first, -(-depth // STEP)
    for n in range(panels * steps):
        # In memory's own order: a row that runs across the lines has a little for each panel.
        panel, step = (n // steps, n % steps) if along else (n % panels, n // panels)
        start = source + first_line(first + panel, side, lines) * next_line + STEP * step * next_k
        left_over = depth - STEP * step
        for tile, line, count in ((0, 0, min(half, there)), (1, half, there - half)):
            place, target = start + line * next_line, to + (panel * steps + step) * PANEL + tile * TILE
            if right and along:
                lay_right_along(target, place, stride, count, left_over)
            elif right:
                lay_right_across(target, place, stride, left_over, count)
            elif along:
                lay_left_along(target, place, stride, count, left_over)
            else:
                lay_left_across(target, place, stride, left_over, count)
