"""Reading X, and batches of similar lengths."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import throughtime as tt
from throughtime.sklearn.sequences import read_sequences

FLOAT32 = np.dtype(np.float32)


def read(X):
    return read_sequences(X, FLOAT32)


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, 2, 3], [4, 5, 6]]),
        np.array([[1, 2, 3], [4, 5, 6]], object),
        pd.DataFrame([[1, 2, 3], [4, 5, 6]]),
    ],
    ids=["array", "objects", "frame"],
)
def test_read_sequences_takes_a_table_as_one_feature_a_step(X):
    found = read(X)
    assert found.form == "table"
    assert found.steps.dtype == np.float32
    np.testing.assert_array_equal(found.steps[:, 0], [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(found.lengths, [3, 3])


def test_read_sequences_takes_a_block():
    X = np.arange(24.0).reshape(2, 4, 3)
    found = read(X)
    assert found.form == "block"
    np.testing.assert_array_equal(found.steps, X.reshape(8, 3))


@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize(
    ("X", "width"),
    [
        ([np.ones(3), np.ones(5)], 1),
        ([np.ones(3), np.ones(3)], 1),
        ([np.ones((3, 2)), np.ones((1, 2))], 2),
        ([[1, 2, 3], [4]], 1),
        ([[1, 2, 3], [4, 5, 6]], 1),
        ([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], 2),
        ([[[1, 2]], [[1, 2], [3, 4]]], 2),
        ([pd.Series([1.0, 2.0]), pd.Series([1.0])], 1),
        ([pd.DataFrame({"a": [1.0], "b": [2.0]})], 2),
    ],
)
def test_read_sequences_takes_them_one_by_one(X, width, container):
    found = read(container(X))
    assert found.form == "list"
    assert found.width == width
    np.testing.assert_array_equal(found.lengths, [len(item) for item in X])
    np.testing.assert_array_equal(found.steps.ravel(), np.concatenate([np.ravel(item) for item in X]))


@pytest.mark.parametrize("container", [lambda X: X, pd.Series])
def test_read_sequences_takes_an_array_of_arrays(container):
    X = np.empty(2, object)
    X[:] = [np.ones((2, 3)), np.ones((4, 3))]
    X = container(X)
    found = read(X)
    assert found.form == "list"
    np.testing.assert_array_equal(found.lengths, [2, 4])


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (
            [np.ones(3), np.array([1, np.nan])],
            tt.ArgumentError,
            "sequence 1 of X has NaN at step 1, feature 0; ",
        ),
        (np.full((1, 2, 3), np.inf), tt.ArgumentError, "sequence 0 of X has inf at step 0, feature 0; "),
        ([[0.0, 0.0], [0.0, 1e300]], tt.ArgumentError, "sequence 1 of X has inf at step 1, feature 0; "),
        ([np.ones(2), np.array([1e300])], tt.ArgumentError, "sequence 1 of X has inf at step 0"),
        ([np.ones(3), np.ones(0)], tt.ShapeError, r"sequence 1 of X has shape \(0,\); "),
        (
            [np.ones((2, 3)), np.ones((2, 2))],
            tt.ShapeError,
            "sequence 1 of X has 2 features a step; expected 3",
        ),
        ([np.ones((2, 3, 4))], tt.ShapeError, r"sequence 0 of X has shape \(2, 3, 4\)"),
        (
            [np.ones(2), np.array(["a"])],
            tt.DtypeError,
            "sequence 1 of X is a ndarray that is no array of numbers",
        ),
        ([sp.csr_array(np.ones((2, 2)))], tt.DtypeError, "sequence 0 of X is a csr_array"),
        ([[1, 2], [[1], [2, 3], [4]]], tt.DtypeError, "sequence 1 of X is a list"),
        (np.ones((1, 2, 3, 4)), tt.ShapeError, r"X has shape \(1, 2, 3, 4\)"),
        (np.ones((1, 2, 0)), tt.ShapeError, r"X has shape \(1, 2, 0\)"),
        (np.array([[[1], [2, 3]], [4]], object), tt.DtypeError, "sequence 0 of X is a list"),
        ([np.ones(2), 3.0], tt.ShapeError, r"sequence 1 of X has shape \(\)"),
        ([[]], tt.ShapeError, r"sequence 0 of X has shape \(0,\)"),
        ([["a", "b"]], tt.DtypeError, "sequence 0 of X is a list that is no array of numbers"),
        ([np.ones(2, complex)], tt.DtypeError, "sequence 0 of X is a ndarray that is no array of numbers"),
        (sp.csr_array(np.ones((2, 2))), TypeError, "^Sparse"),
        (np.array([["a", "b"]]), ValueError, "^could not convert"),
        (
            np.ones(3),
            tt.ShapeError,
            r"X has shape \(3,\); expected \(n, T\), .* one sequence alone is X\[None\]\.",
        ),
        (pd.Series([1.0, 2.0]), tt.ShapeError, r"X has shape \(2,\)"),
        ([1, 2], tt.ShapeError, r"X has shape \(2,\)"),
        ([], tt.ShapeError, r"X has shape \(0,\)"),
        (None, tt.ShapeError, "X is of type NoneType; expected"),
        ({"a": [1]}, tt.ShapeError, "X is of type dict; expected"),
        (np.ones((2, 2), complex), tt.ArgumentError, "X is complex; expected real numbers"),
    ],
)
def test_read_sequences_says_in_a_line_what_is_wrong(X, error, words):
    with pytest.raises(error, match=words) as caught:
        read(X)
    if not sp.issparse(X):  # scikit-learn's own advice, in three lines
        assert "\n" not in str(caught.value)


def test_side_by_side_pads_with_a_sequences_own_last_step():
    sequences = read([np.array([1.0, 2.0, 3.0]), np.array([4.0])])
    rows, lengths = sequences.side_by_side(np.array([1, 0]))
    np.testing.assert_array_equal(sequences.steps[rows][:, :, 0], [[4, 1], [4, 2], [4, 3]])
    np.testing.assert_array_equal(lengths, [1, 3])
    assert sequences.side_by_side(np.array([0]))[1] is None


def test_side_by_side_of_some_steps_is_a_part_of_all():
    sequences = read([np.arange(1.0, 6.0), np.array([6.0, 7.0, 8.0])])
    rows, lengths = sequences.side_by_side(np.array([1, 0]), 2, 4)
    np.testing.assert_array_equal(sequences.steps[rows][:, :, 0], [[8, 3], [8, 4]])
    np.testing.assert_array_equal(lengths, [1, 2])
    rows, lengths = sequences.side_by_side(np.array([0]), 4, 9)
    np.testing.assert_array_equal(rows, [[4]])
    assert lengths is None


def test_take_copies_the_chosen():
    taken = read([np.array([1.0, 2.0]), np.array([3.0]), np.array([4.0, 5.0])]).take(np.array([2, 0]))
    np.testing.assert_array_equal(taken.steps[:, 0], [4, 5, 1, 2])
    np.testing.assert_array_equal(taken.lengths, [2, 2])


@pytest.mark.parametrize("random", [None, 0])
def test_batches_hold_every_sequence_once_beside_those_of_similar_length(random):
    lengths = np.random.default_rng(0).integers(1, 9, size=50)
    sequences = read([np.ones(n) for n in lengths])
    batches = list(sequences.batches(8, None if random is None else np.random.RandomState(random)))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(50))
    spans = sorted((lengths[batch].min(), lengths[batch].max()) for batch in batches)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_batches_shuffle_both_what_is_alike_and_themselves():
    sequences = read([np.ones(n) for n in [1] * 20 + [2] * 20])
    first, second = (list(sequences.batches(5, np.random.RandomState(seed))) for seed in (0, 1))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]
    orders = {tuple(sequences.lengths[batch[0]] for batch in batches) for batches in (first, second)}
    assert (1,) * 4 + (2,) * 4 not in orders


def test_arrange_gives_back_the_form_that_came():
    rows = np.arange(6)
    assert read(np.ones((2, 3))).arrange(rows).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read(np.ones((2, 3, 4))).arrange(np.ones((6, 2))).shape == (2, 3, 2)
    assert [part.tolist() for part in read([np.ones(1), np.ones(5)]).arrange(rows)] == [[0], [1, 2, 3, 4, 5]]
