"""Pascanu's conditions on weights whose norms are known, and on gradients that must obey them."""

import json

import numpy as np
import pytest
from tests.cells.samples import linear, rich

from throughtime.cells import Cell, gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh, tanh, tanh_slope
from throughtime.errors import ShapeError
from throughtime.flow.conditions import weight_conditions
from throughtime.flow.jacobian import find_jacobians
from throughtime.networks.layer import Recurrent

identity = Cell(
    "identity_rnn", linear.forward, linear.backward, ("h",), direct=False, activations={"h": "identity"}
)
NILPOTENT = np.array([[0.0, 4.0], [0.0, 0.0]])  # norm 4, spectral radius 0


def orthogonal(n, dtype="float64"):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0].astype(dtype)


@pytest.mark.parametrize(
    ("weight", "norm", "radius"),
    [
        (np.diag([0.5, -3.0]), 3.0, 3.0),
        (NILPOTENT, 4.0, 0.0),
        (0.9 * orthogonal(7), 0.9, 0.9),
        (np.array([[0.0, -2.0], [2.0, 0.0]]), 2.0, 2.0),  # eigenvalues 2i and -2i
        (np.array([[1.0, 1.0], [0.0, 1.0]]), (1 + 5**0.5) / 2, 1.0),
    ],
)
def test_norms_of_known_matrices(weight, norm, radius):
    found = weight_conditions(rnn_tanh, weight)
    assert found.norm == pytest.approx(norm, rel=1e-14)
    assert found.radius == pytest.approx(radius, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize(
    ("cell", "gamma"),
    [(rnn_tanh, 1), (rnn_relu, 1), (identity, 1), (rnn_sigmoid, 0.25)],
    ids=str,
)
def test_gamma_is_the_largest_slope(cell, gamma):
    found = weight_conditions(cell, 2 * np.eye(3))
    assert found.gamma == gamma
    assert found.bound == 2 * gamma
    assert (found.must_vanish, found.may_explode) == (2 * gamma < 1, 2 * gamma > 1)


@pytest.mark.parametrize("cell", [lstm, gru, rich, linear], ids=lambda cell: cell.name)
def test_cells_that_the_conditions_do_not_speak_of_have_none(cell):
    assert weight_conditions(cell, np.zeros((len(cell.gates) * 2, 2))) is None


def test_a_cell_whose_h_is_not_the_activation_kept_has_none():
    def forward(a, state):
        n = tanh(a[0])
        return (n + n,), (n,)

    def backward(dstate, kept, state_prev, state):
        (dh,), (n,) = dstate, kept
        return ((dh + dh) * tanh_slope(n),), (type(dh)(0),)

    doubled = Cell("doubled", forward, backward, ("n",), direct=False, activations={"n": "tanh"})
    assert weight_conditions(doubled, np.eye(2)) is None


def test_the_words_say_sufficient_necessary_or_nothing():
    below, above = (weight_conditions(rnn_tanh, a * np.eye(2)) for a in (0.5, 1.5))
    assert "0.5, below 1" in below.norm_says
    assert below.norm_says.endswith("This is sufficient.")
    assert "1.5, above 1" in above.norm_says
    assert "necessary for exploding, not sufficient" in above.norm_says
    assert "cannot explode" in weight_conditions(rnn_tanh, np.eye(2)).norm_says
    for found in (below, above):
        assert "linear cell alone" in found.radius_says
    small, large, one = (weight_conditions(identity, a * np.eye(2)).radius_says for a in (0.5, 1.5, 1.0))
    assert "vanishes" in small
    assert "sufficient" in small
    assert "explodes unless" in large
    assert "necessary" in large
    assert "grows exponentially" in one


def test_orthogonal_weights_in_float32_are_one_to_rounding():
    found = weight_conditions(rnn_tanh, orthogonal(50, "float32"))
    assert found.norm != 1
    assert not found.must_vanish
    assert not found.may_explode


def test_a_norm_is_no_radius():
    """||W|| = 4 allows exploding; the linear cell's gradient is gone after two steps all the same."""
    found = weight_conditions(identity, NILPOTENT)
    assert found.may_explode
    assert "vanishes" in found.radius_says


@pytest.mark.parametrize("nonlinearity", [rnn_tanh, rnn_relu, rnn_sigmoid], ids=lambda cell: cell.name)
def test_no_step_exceeds_the_bound(nonlinearity):
    layer = Recurrent(nonlinearity, 3, 6, dtype="float64", seed=0)
    bound = weight_conditions(nonlinearity, layer.params["weight_hh_l0"]).bound
    x = np.random.default_rng(1).standard_normal((20, 2, 3))
    norms = [np.linalg.norm(jacobian, 2, axis=(1, 2)).max() for jacobian in find_jacobians(layer, x)]
    assert 0.3 * bound < max(norms) <= bound


def test_weights_that_are_not_finite_have_none():
    assert weight_conditions(rnn_tanh, np.array([[np.nan]])) is None


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"\(8, 2\); expected \(hidden_size, hidden_size\)"):
        weight_conditions(rnn_tanh, np.zeros((8, 2)))


def test_the_record_is_fit_for_json():
    record = weight_conditions(rnn_sigmoid, np.eye(2, dtype="float32")).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["bound"] == 0.25
    assert record["must_vanish"] is True
