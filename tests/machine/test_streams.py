"""Tuples in and out of rows: the same values as slices, without aliases, vectorised."""

import re

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from throughtime.machine import streams
from throughtime.machine.jit import COMPILING
from throughtime.machine.streams import parts, plus, read, row, rows, wide, write

ONE, TWO, THREE, NONE = 1, 2, 3, 0
needs_compiler = pytest.mark.skipif(not COMPILING, reason="there is no code to look at with the compiler off")


@njit
def read_rows(array, j):
    found = rows(array, ())
    return read(found, ONE, TWO, j, 0), read(found, 0, NONE, j, 0)


@njit
def read_others(array, i, k, j):
    return (
        read(rows(array, (i, k)), 0, TWO, j, 0),
        read(parts(array, (i, k)), 0, TWO, j, 0),
        read(row(array, (i, k, 1)), 0, ONE, j, 0),
    )


@njit
def write_rows(array, j, values):
    write(rows(array, ()), ONE, TWO, j, 0, values, THREE)


@njit
def add(u, v):
    return plus(u, v)


@njit
def accumulate(source, target):
    """target[i] += 2 source[i + 1] for two rows."""
    wide()
    here, there = rows(source, ()), rows(target, ())
    for j in range(source.shape[1]):
        doubled = plus(read(here, ONE, TWO, j, 0), read(here, ONE, TWO, j, 0))
        write(there, 0, TWO, j, 1, plus(read(there, 0, TWO, j, 1), doubled), 0)


def rows_of(H, n=4, dtype=np.float32):
    return np.arange(n * H, dtype=dtype).reshape(n, H)


def test_read_gives_the_entries_of_a_column():
    rows = rows_of(5)
    assert read_rows(rows, 2) == ((rows[1, 2], rows[2, 2]), ())


def test_rows_parts_and_row_are_found_by_their_indices():
    array = np.arange(3 * 4 * 2 * 5, dtype=np.float64).reshape(3, 4, 2, 5)
    along, across, one = read_others(array, np.int32(2), 1, 3)
    assert along == (array[2, 1, 0, 3], array[2, 1, 1, 3])
    assert across == (array[0, 2, 1, 3], array[1, 2, 1, 3])
    assert one == (array[2, 1, 1, 3],)


def test_read_and_write_follow_the_stride_of_a_view():
    states = np.arange(3 * 4 * 2 * 5, dtype=np.float64).reshape(3, 4, 2, 5)
    view = states[:, 2, 1]
    assert read_rows(view, 3)[0] == (view[1, 3], view[2, 3])
    write_rows(view, 3, (0.0, 0.0, 0.0, -1.0, -2.0))
    assert states[1, 2, 1, 3] == -1
    assert states[2, 2, 1, 3] == -2
    assert (states < 0).sum() == 2


def test_write_puts_the_values_from_start_on_and_nothing_else():
    rows, expected = rows_of(5), rows_of(5)
    write_rows(rows, 2, (0.0, 0.0, 0.0, 70.0, 80.0, 90.0))
    expected[1, 2], expected[2, 2] = 70, 80
    assert (rows == expected).all()


def test_write_takes_mixed_types_and_converts_them():
    rows = rows_of(5)
    write_rows(rows, 0, (0, 0, 0, 7, 0.1))
    assert rows[1, 0] == 7
    assert rows[2, 0] == np.float32(0.1)


def test_plus_adds_entry_by_entry():
    assert add((1.0, 2.0), (0.5, 0.25)) == (1.5, 2.25)
    assert add((), ()) == ()


def test_plus_refuses_tuples_of_different_lengths():
    with pytest.raises((TypingError, ValueError), match=r"cannot be added|zip\(\) argument"):
        add((1.0, 2.0), (1.0,))


@pytest.mark.parametrize("H", [1, 7, 8, 64, 65])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loop_over_units_computes_what_slices_do(H, dtype):
    source, target = rows_of(H, 4, dtype), rows_of(H, 2, dtype)
    expected = target + 2 * source[1:3]
    accumulate(source, target)
    assert (target == expected).all()


def test_plain_python_does_the_same():
    rows = rows_of(5)
    assert streams._read(rows, 1, 2, 3, 0) == read_rows(rows, 3)[0]
    streams._write(rows, 1, 2, 3, 0, (0.0, 5.0, 6.0), 1)
    assert streams._read(rows, 1, 2, 3, 0) == (5, 6)
    assert streams._plus((1, 2), (3, 4)) == (4, 6)
    assert streams._wide() is None


@needs_compiler
def test_rows_and_streams_must_be_constants():
    @njit
    def variable(rows, count):
        return read(rows, 0, count, 0, 0)

    with pytest.raises(TypingError, match="must be constants"):
        variable(rows_of(5), 2)


@needs_compiler
def test_write_refuses_too_few_values():
    with pytest.raises(TypingError, match="4 values found, 5 expected"):
        write_rows(rows_of(5), 0, (0.0, 0.0, 0.0, 1.0))


@needs_compiler
def test_loop_is_vectorised_because_rows_are_declared_free_of_aliases():
    accumulate(rows_of(64), rows_of(64, 2))
    (code,) = [text for types, text in accumulate.inspect_llvm().items() if "float32" in str(types)]
    assert "!alias.scope" in code
    assert re.search(r"fadd .*<\d+ x float>", code), "the loop is scalar"
    assert "vector.memcheck" not in code, "aliases are tested at run time"
    assert '"prefer-vector-width"="512"' in code
