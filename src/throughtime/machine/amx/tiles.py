"""The tiles themselves: set up, multiplied with, let go; and what moves memory around them.

A tile is a register of up to 16 rows of 64 bytes: 16 x 16 float32 sums, 16 rows of a left operand with 32 bfloat16 each,
or 32 rows of a right operand with 16 columns, two rows interleaved. The eight of them are used as

    sums 0 1    left 4    right 6 7
         2 3         5

so that each tile loaded takes part in two products. They belong to the thread, from `configure` to `release`: nothing in
between may raise, or call other code that configures them. Addresses are integers; whoever takes one keeps its array.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TILE = 1024  # bytes
PANEL = 2 * TILE  # of a panel, one step of 32 in k: two tiles side by side

_INT1, _INT8, _INT16, _INT32, _INT64 = map(ir.IntType, (1, 8, 16, 32, 64))
_FLOAT, _VOID, _BYTES = ir.FloatType(), ir.VoidType(), ir.IntType(8).as_pointer()
_FLOATS, _MASK = ir.VectorType(_FLOAT, 16), ir.VectorType(_INT1, 16)
_LANES = ir.Constant(ir.VectorType(_INT32, 16), list(range(16)))

_UPPER, _LOWER, _LEFT, _RIGHT = (0, 1), (2, 3), (4, 5), (6, 7)
# Steps of the right operand that are asked for ahead of their use, as they come from L2: 280 -> 620 GFLOP/s for the
# recurrence's (20, 800, 200).
_AHEAD = 8


def call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an intrinsic of LLVM's."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def number(value: int, kind: Any = _INT64) -> Any:
    """A constant."""
    return ir.Constant(kind, value)


def pointer(builder: Any, address: Any, offset: Any = 0, kind: Any = _INT8) -> Any:
    """address + offset, in bytes, as a pointer."""
    offset = number(offset) if isinstance(offset, int) else offset
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


def first_lanes(builder: Any, count: Any) -> Any:
    """Mask of the first `count` of 16 lanes, any number of them: none below 1, all from 16."""
    none = ir.Constant(_LANES.type, ir.Undefined)
    one = builder.insert_element(none, builder.trunc(count, _INT32), number(0, _INT32))
    return builder.icmp_signed("<", _LANES, builder.shuffle_vector(one, none, ir.Constant(_LANES.type, None)))


def load_lanes(builder: Any, address: Any, mask: Any) -> Any:
    """16 float32 from memory, 0 where the mask is off; what is off is not read."""
    name, align, zeros = "llvm.masked.load.v16f32.p0", number(4, _INT32), ir.Constant(_FLOATS, None)
    return call(builder, name, _FLOATS, pointer(builder, address, 0, _FLOAT), align, mask, zeros)


def _prefetch(builder: Any, address: Any, write: bool) -> None:
    closest, data = number(3, _INT32), number(1, _INT32)
    call(
        builder,
        "llvm.prefetch.p0",
        _VOID,
        pointer(builder, address),
        number(int(write), _INT32),
        closest,
        data,
    )


@intrinsic
def configure(typing, upper, lower):  # type: ignore[no-untyped-def]
    """Set the tiles up for left operands of `upper` and `lower` rows, each 1 to 16."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        layout = cgutils.alloca_once(builder, ir.ArrayType(_INT8, 64))
        base = builder.ptrtoint(layout, _INT64)
        cgutils.memset(builder, builder.bitcast(layout, _BYTES), number(64), 0)
        builder.store(number(1, _INT8), pointer(builder, base))  # palette 1: eight tiles of 1 KB
        first, second = (builder.trunc(rows, _INT8) for rows in arguments)
        rows = {**dict.fromkeys((*_UPPER, _LEFT[0]), first), **dict.fromkeys((*_LOWER, _LEFT[1]), second)}
        for tile in range(8):
            builder.store(number(64, _INT16), pointer(builder, base, 16 + 2 * tile, _INT16))
            builder.store(rows.get(tile, number(16, _INT8)), pointer(builder, base, 48 + tile))
        call(builder, "llvm.x86.ldtilecfg", _VOID, builder.bitcast(layout, _BYTES))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


@intrinsic
def release(typing):  # type: ignore[no-untyped-def]
    """Let the tiles go, which spares the system 8 KB at every switch of threads."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        call(builder, "llvm.x86.tilerelease", _VOID)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def block(typing, upper, lower, stride, left, right, steps, add):  # type: ignore[no-untyped-def]
    """(upper; lower)[:, :32] = or += left @ right, two panels of so many steps.

    Parameters
    ----------
    upper, lower : addresses of the float32 rows that the configuration gives to each
    stride : bytes from one row to the next
    left, right : addresses of panels; `left` has its two tiles' rows one below the other
    add : whether the sums begin with what is there
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        upper, lower, stride, left, right, steps, add = arguments
        sums = [
            (tile, pointer(builder, rows, 64 * column))
            for rows, tiles in ((upper, _UPPER), (lower, _LOWER))
            for column, tile in enumerate(tiles)
        ]

        def tile_load(tile: int, address: Any, stride: Any) -> None:
            call(builder, "llvm.x86.tileloadd64", _VOID, number(tile, _INT8), address, stride)

        def multiply(row: int, column: int) -> None:
            operands = (
                number(tile, _INT8) for tile in ((_UPPER, _LOWER)[row][column], _LEFT[row], _RIGHT[column])
            )
            call(builder, "llvm.x86.tdpbf16ps", _VOID, *operands)

        # The stores find their lines at hand when the sums are done: 265 -> 860 GFLOP/s for (700, 10000, 200).
        for rows in (upper, lower):
            for row in range(16):
                at = builder.add(rows, builder.mul(stride, number(row)))
                _prefetch(builder, at, write=True)
                _prefetch(builder, builder.add(at, number(64)), write=True)
        with builder.if_else(context.is_true(builder, types.boolean, add)) as (adding, anew):
            with adding:
                for tile, address in sums:
                    tile_load(tile, address, stride)
            with anew:
                for tile, _ in sums:
                    call(builder, "llvm.x86.tilezero", _VOID, number(tile, _INT8))
        with cgutils.for_range(builder, steps) as loop:
            offset = builder.mul(loop.index, number(PANEL))
            a, b = builder.add(left, offset), builder.add(right, offset)
            row_bytes = number(64)
            tile_load(_RIGHT[0], pointer(builder, b), row_bytes)
            tile_load(_LEFT[0], pointer(builder, a), row_bytes)
            multiply(0, 0)
            tile_load(_RIGHT[1], pointer(builder, b, TILE), row_bytes)
            multiply(0, 1)
            tile_load(_LEFT[1], pointer(builder, a, TILE), row_bytes)
            multiply(1, 0)
            multiply(1, 1)
            for line in range(0, PANEL, 64):
                _prefetch(builder, builder.add(b, number(_AHEAD * PANEL + line)), write=False)
        for tile, address in sums:
            call(builder, "llvm.x86.tilestored64", _VOID, number(tile, _INT8), address, stride)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6, types.boolean), generate


@intrinsic
def copy_row(typing, to, source, columns):  # type: ignore[no-untyped-def]
    """to[:columns] = source[:columns], of 32 float32; nothing beyond is touched."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        to, source, columns = arguments
        for half in (0, 1):
            mask = first_lanes(builder, builder.sub(columns, number(16 * half)))
            values = load_lanes(builder, builder.add(source, number(64 * half)), mask)
            address = pointer(builder, to, 64 * half, _FLOAT)
            call(builder, "llvm.masked.store.v16f32.p0", _VOID, values, address, number(4, _INT32), mask)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate
