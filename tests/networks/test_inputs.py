"""Each way to read a sequence projects, and differentiates its projection, as the plain product does."""

import numpy as np
import pytest

from throughtime.machine.workspace import Workspace
from throughtime.networks.inputs import GatheredRows, OneHot, TableRows, Vectors, table_rows

T, B, I, K, V = 4, 3, 2, 5, 6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def run(source, weight, da, wanted=True):
    workspace, out = Workspace(), np.empty((T * B, K))
    source.project(weight, out, workspace)
    dweight, dinput = source.differentiate(da, weight, workspace, wanted)
    return out, dinput, dweight


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_vectors_are_multiplied(rng):
    x, weight, da = (
        rng.standard_normal((T, B, I)),
        rng.standard_normal((K, I)),
        rng.standard_normal((T * B, K)),
    )
    flat = x.reshape(T * B, I)
    assert_same(run(Vectors(x), weight, da), (flat @ weight.T, (da @ weight).reshape(x.shape), da.T @ flat))
    assert run(Vectors(x), weight, da, wanted=False)[1] is None


@pytest.mark.parametrize("order", ["C", "F"])
def test_one_hot_ids_are_columns_of_the_weight(rng, order):
    ids = rng.integers(0, V, (T, B))
    weight, da = np.asarray(rng.standard_normal((K, V)), order=order), rng.standard_normal((T * B, K))
    one_hot = np.eye(V)[ids.ravel()]
    out, dx, dweight = run(OneHot(ids), weight, da)
    assert dx is None
    assert_same((out, dweight), (one_hot @ weight.T, da.T @ one_hot))


@pytest.mark.parametrize("kind", [TableRows, GatheredRows])
def test_rows_of_a_table_are_one_hot_products_with_it(rng, kind):
    ids, table = rng.integers(0, V, (T, B)), rng.standard_normal((V, I))
    weight, da = rng.standard_normal((K, I)), rng.standard_normal((T * B, K))
    one_hot = np.eye(V)[ids.ravel()]
    expected = one_hot @ table @ weight.T, one_hot.T @ da @ weight, da.T @ one_hot @ table
    assert_same(run(kind(table, ids), weight, da), expected)
    assert run(kind(table, ids), weight, da, wanted=False)[1] is None


def test_table_is_projected_whole_only_where_it_is_the_smaller_one():
    assert isinstance(table_rows(np.ones((3, I)), np.zeros((2, 2), int)), TableRows)
    assert isinstance(table_rows(np.ones((4, I)), np.zeros((2, 2), int)), GatheredRows)


def test_padding_is_taken_out_of_vectors_and_left_in_ids(rng):
    x, padding = rng.standard_normal((T, B, I)), np.zeros((T, B), bool)
    padding[2:, 1] = True
    x[padding] = np.nan
    without = Vectors(x).without(padding).x
    assert (without[padding] == 0).all()
    np.testing.assert_array_equal(without[~padding], x[~padding])
    ids, table = np.zeros((T, B), int), np.ones((V, I))
    for source in (OneHot(ids), TableRows(table, ids), GatheredRows(table, ids)):
        assert source.without(padding) is source


def test_turned_input_is_the_input_of_turned_arrays(rng):
    """Sequence 0 backwards whole, sequence 1 its first two steps only, sequence 2 as it is."""
    turn = np.array([[3, 1, 0], [2, 0, 1], [1, 2, 2], [0, 3, 3]])
    x, ids, table = rng.standard_normal((T, B, I)), rng.integers(0, V, (T, B)), rng.standard_normal((V, I))
    da = rng.standard_normal((T * B, K))
    for source, expected in (
        (Vectors(x), Vectors(np.take_along_axis(x, turn[:, :, None], 0))),
        (OneHot(ids), OneHot(np.take_along_axis(ids, turn, 0))),
        (TableRows(table, ids), TableRows(table, np.take_along_axis(ids, turn, 0))),
        (GatheredRows(table, ids), GatheredRows(table, np.take_along_axis(ids, turn, 0))),
    ):
        weight = rng.standard_normal((K, V if isinstance(source, OneHot) else I))
        found, wanted = run(source.turned(turn), weight, da), run(expected, weight, da)
        assert_same((found[0], found[2]), (wanted[0], wanted[2]))
        if isinstance(source, Vectors) and not isinstance(source, GatheredRows):
            np.testing.assert_allclose(found[1], np.take_along_axis(wanted[1], turn[:, :, None], 0))
