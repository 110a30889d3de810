import math

import numpy as np
import pytest

from throughtime.machine.rows import (
    add_rows,
    count_below,
    gather_rows,
    largest_magnitude,
    scale_row,
    sum_of_squares,
)


@pytest.mark.parametrize("order", ["C", "F"])
def test_gather_rows_takes_rows_of_either_memory_order(order):
    table = np.asarray(np.arange(12.0).reshape(4, 3), order=order)
    ids, out = np.array([3, 0, 3]), np.empty((3, 3))
    gather_rows(table, ids, out)
    assert (out == table[ids]).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_add_rows_counts_every_repetition_of_an_id(order):
    rng = np.random.default_rng(0)
    table = np.asarray(rng.standard_normal((4, 3)), order=order)
    rows, ids = rng.standard_normal((5, 3)), np.array([1, 1, 3, 1, 0])
    expected = table.copy()
    np.add.at(expected, ids, rows)
    add_rows(rows, ids, table)
    np.testing.assert_allclose(table, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_row_goes_to_the_ends_of_the_type_and_no_further(dtype):
    info = np.finfo(dtype)
    smallest, largest = info.minexp, info.maxexp - 1
    row = np.array([1.5, -1.0, 0.0], dtype)
    for there in (smallest, largest, smallest + 1, 7, -7, 0):
        moved = row.copy()
        scale_row(moved, there)
        assert moved.tolist() == [math.ldexp(1.5, there), math.ldexp(-1.0, there), 0.0]
        scale_row(moved, -there)  # a factor of 2^-there alone may be no number of the type
        assert moved.tolist() == row.tolist()
    tiny = np.array([math.ldexp(1.0, smallest)], dtype)
    scale_row(tiny, largest - smallest)
    assert tiny[0] == math.ldexp(1.0, largest)
    scale_row(row, -(1 << 30))
    assert row.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 8, 130])
def test_sizes_of_a_row_are_numpy_s(size, dtype):
    row = np.random.default_rng(size).standard_normal(size).astype(dtype)
    row[size // 2] = 0
    exact = float((row.astype(np.float64) ** 2).sum())
    assert sum_of_squares(row) == pytest.approx(exact, rel=20 * float(np.finfo(dtype).eps))
    assert largest_magnitude(row) == np.abs(row).max()
    assert count_below(row, 0.5) == ((np.abs(row) < 0.5) & (row != 0)).sum()
