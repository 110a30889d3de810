import numpy as np
import pytest

from throughtime.machine.rows import add_rows, gather_rows


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
