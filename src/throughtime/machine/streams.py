"""Tuples in and out of rows of units, fast enough that a cell's equations need no loop, index or array.

A *stream* is some rows of H numbers that a loop over the H units goes through: the gates of one step, its states. `rows`
and `parts` find them in an array, by address alone: a view of the array would be counted as one more reference to it, and
counting took more time than a row of 32 units (a plain RNN's step back: 138 -> 15 ns). Each access says which stream it belongs to, and every row of every stream is declared free of
aliases. Without that promise the compiler tests at run time whether rows overlap; gate rows interleave in memory, so
the test fails every time and the loop runs unvectorised, 7 to 9 times slower. The caller keeps the promise:
two streams of one loop never overlap.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from throughtime.machine.arrays import Array
from throughtime.machine.jit import COMPILING

STREAMS, ROWS = 12, 10  # the most streams a loop may have, and the most rows a stream
_INT64 = ir.IntType(64)


def _free_of_aliases(module: Any, access: Any, stream: int, row: int) -> None:
    domain = module.add_metadata(["throughtime"])
    scopes = {(s, r): module.add_metadata([f"{s}.{r}", domain]) for s in range(STREAMS) for r in range(ROWS)}
    own = scopes.pop((stream, row))
    access.set_metadata("alias.scope", module.add_metadata([own]))
    access.set_metadata("noalias", module.add_metadata(list(scopes.values())))


def _address(builder: Any, stream: Any, row: int, j: Any) -> Any:
    data, stride = cgutils.unpack_tuple(builder, stream)
    base = builder.add(builder.ptrtoint(data, _INT64), builder.mul(stride, ir.Constant(_INT64, row)))
    return builder.gep(builder.inttoptr(base, data.type), [j], inbounds=True)


def _find(axis: int | None) -> Any:
    """What finds rows along `axis` of an array whose other axes, but for the last, have indices; None for one row."""

    def find(typing, array, index):  # type: ignore[no-untyped-def]
        if array.ndim != len(index) + (1 if axis is None else 2):
            raise TypingError(f"{len(index)} indices found for rows of an array of {array.ndim} axes")
        result = types.Tuple((types.CPointer(array.dtype), types.intp))

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            strides = cgutils.unpack_tuple(builder, view.strides)[:-1]
            along = ir.Constant(_INT64, 0) if axis is None else strides.pop(axis)
            base = builder.ptrtoint(view.data, _INT64)
            if strides:  # an empty tuple has nothing to unpack
                for stride, place, kind in zip(
                    strides, cgutils.unpack_tuple(builder, arguments[1]), signature.args[1], strict=True
                ):
                    place = context.cast(builder, place, kind, types.intp)
                    base = builder.add(base, builder.mul(stride, place))
            data = builder.inttoptr(base, view.data.type)
            return context.make_tuple(builder, result, (data, along))

        return result(array, index), generate

    return find


@intrinsic
def rows(typing, array, index):  # type: ignore[no-untyped-def]
    """The rows array[index], (n, H)."""
    return _find(-1)(typing, array, index)


@intrinsic
def row(typing, array, index):  # type: ignore[no-untyped-def]
    """The row array[index], (1, H)."""
    return _find(None)(typing, array, index)


@intrinsic
def parts(typing, array, index):  # type: ignore[no-untyped-def]
    """The rows array[:, *index], (n, H)."""
    return _find(0)(typing, array, index)


def _counts(*values: Any) -> list[int]:
    if not all(isinstance(value, types.IntegerLiteral) for value in values):
        raise TypingError("rows and streams must be constants: plain global names or literals")
    return [value.literal_value for value in values]


@intrinsic(prefer_literal=True)
def read(typing, found, first, count, j, stream):  # type: ignore[no-untyped-def]
    """(row first, ..., row first + count - 1) at unit j, of the rows that were found."""
    start, n, s = _counts(first, count, stream)
    dtype = found[0].dtype
    result = types.UniTuple(dtype, n) if n else types.Tuple(())

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values = []
        for row in range(start, start + n):
            value = builder.load(_address(builder, arguments[0], row, arguments[3]))
            value.align = dtype.bitwidth // 8
            _free_of_aliases(builder.module, value, s, row)
            values.append(value)
        return context.make_tuple(builder, result, values)

    return result(found, first, count, types.intp, stream), generate


@intrinsic(prefer_literal=True)
def write(typing, found, first, count, j, stream, values, start):  # type: ignore[no-untyped-def]
    """Row first + i at unit j = values[start + i] for i < count, in the rows that were found."""
    row0, n, s, value0 = _counts(first, count, stream, start)
    dtype = found[0].dtype
    kinds = list(values)
    if len(kinds) < value0 + n:
        raise TypingError(f"{len(kinds)} values found, {value0 + n} expected")

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        given = cgutils.unpack_tuple(builder, arguments[5])
        for i in range(n):
            value = context.cast(builder, given[value0 + i], kinds[value0 + i], dtype)
            store = builder.store(value, _address(builder, arguments[0], row0 + i, arguments[3]))
            store.align = dtype.bitwidth // 8
            _free_of_aliases(builder.module, store, s, row0 + i)
        return context.get_dummy_value()

    return types.void(found, first, count, types.intp, stream, values, start), generate


@intrinsic
def plus(typing, u, v):  # type: ignore[no-untyped-def]
    """u + v, entry by entry."""
    if len(u) != len(v):
        raise TypingError(f"tuples of {len(u)} and {len(v)} cannot be added")

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        left, right = (cgutils.unpack_tuple(builder, argument) for argument in arguments)
        sums = []
        for x, y, kind in zip(left, right, signature.args[1], strict=True):
            sums.append(builder.fadd(x, context.cast(builder, y, kind, u.dtype)))
        return context.make_tuple(builder, signature.return_type, sums) if sums else arguments[0]

    return u(u, v), generate


@intrinsic
def wide(typing):  # type: ignore[no-untyped-def]
    """Let the calling function use 512-bit vectors where the processor has them (an LSTM step: 1.75 -> 1.4 ns)."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


# The same in plain Python, for tests with the compiler switched off.


def _rows(array: Any, index: tuple[int, ...]) -> Any:
    return array[index]


def _row(array: Any, index: tuple[int, ...]) -> Any:
    return array[index][None]


def _parts(array: Any, index: tuple[int, ...]) -> Any:
    return array[(slice(None), *index)]


def _read(found: Array, first: int, count: int, j: int, stream: int) -> tuple[Any, ...]:
    return tuple(found[first : first + count, j])


def _write(
    found: Array, first: int, count: int, j: int, stream: int, values: tuple[Any, ...], start: int
) -> None:
    found[first : first + count, j] = values[start : start + count]


def _plus(u: tuple[Any, ...], v: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(u, v, strict=True))


def _wide() -> None:
    pass


if not COMPILING:
    rows, row, parts = _rows, _row, _parts
    read, write, plus, wide = _read, _write, _plus, _wide
