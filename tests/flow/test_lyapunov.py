"""Lyapunov exponents beside closed forms, and beside another way to compute them."""

import numpy as np
import pytest
from tests.cells.samples import linear

import throughtime as tt
from throughtime.cells import gru, lstm, rnn_relu, rnn_tanh
from throughtime.errors import ArgumentError
from throughtime.flow.jacobian import chain_singular_values, find_jacobians
from throughtime.flow.lyapunov import lyapunov_exponents
from throughtime.networks.layer import Recurrent


def plain(cell, weight):
    layer = Recurrent(cell, 1, len(weight), bias=False, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = weight
    return layer


def orthogonal(n):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]


@pytest.mark.parametrize("a", [0.8, 1.0, 1.3])
def test_every_exponent_of_a_linear_cell_with_w_a_q_is_ln_a(a):
    found = lyapunov_exponents(plain(linear, a * orthogonal(6)), np.zeros((40, 2, 1)))
    np.testing.assert_allclose(found.exponents, np.log(a), atol=1e-13)
    np.testing.assert_allclose(found.errors, 0, atol=1e-13)
    assert found.steps == 32


def test_a_linear_cells_exponents_are_its_eigenvalues_in_order():
    base = np.random.default_rng(1).standard_normal((3, 3))
    weight = base @ np.diag([0.2, 0.9, 0.5]) @ np.linalg.inv(base)
    found = lyapunov_exponents(plain(linear, weight), np.zeros((400, 1, 1)), burn_in=200)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.5, 0.2]), atol=1e-12)
    assert np.isnan(found.errors).all()


def test_the_scalar_map_tanh_2h():
    h = np.full((1, 1, 1), 0.9575040)
    found = lyapunov_exponents(plain(rnn_tanh, np.array([[2.0]])), np.zeros((200, 1, 1)), state=h)
    assert found.exponents[0] == pytest.approx(-1.7935285, abs=1e-6)
    # From elsewhere it settles there: burn-in leaves the way out.
    far = 0.1 * h
    found = lyapunov_exponents(
        plain(rnn_tanh, np.array([[2.0]])), np.zeros((200, 1, 1)), burn_in=50, state=far
    )
    assert found.exponents[0] == pytest.approx(-1.7935285, abs=1e-6)
    whole = lyapunov_exponents(
        plain(rnn_tanh, np.array([[2.0]])), np.zeros((200, 1, 1)), burn_in=0, state=far
    )
    assert whole.exponents[0] > -1.78


@pytest.mark.parametrize("cell", [rnn_tanh, lstm, gru], ids=lambda cell: cell.name)
def test_the_first_k_are_the_first_of_all(cell):
    layer = Recurrent(cell, 2, 5, dtype="float64", seed=0)
    x = np.random.default_rng(1).standard_normal((60, 3, 2))
    whole, first = lyapunov_exponents(layer, x), lyapunov_exponents(layer, x, k=2)
    assert len(whole.exponents) == 5 * len(cell.states)
    np.testing.assert_allclose(first.exponents, whole.exponents[:2], rtol=1e-10)
    np.testing.assert_allclose(first.errors, whole.errors[:2], rtol=1e-8)


def test_their_sum_is_the_mean_logarithm_of_the_determinant():
    layer = Recurrent(gru, 2, 4, dtype="float64", seed=0)
    x = np.random.default_rng(1).standard_normal((50, 3, 2))
    found = lyapunov_exponents(layer, x, burn_in=10)
    logs = np.array([np.linalg.slogdet(jacobian)[1] for jacobian in find_jacobians(layer, x)][10:])
    assert found.exponents.sum() == pytest.approx(logs.mean(), rel=1e-10)


def test_the_largest_is_the_growth_of_a_long_chain():
    layer, steps = plain(rnn_tanh, 3 * orthogonal(8)), 400
    x = np.random.default_rng(1).standard_normal((steps, 2, 1))
    rate = chain_singular_values(find_jacobians(layer, x), steps - 1, steps)[-1, :, 0] / steps
    found = lyapunov_exponents(layer, x, k=1, burn_in=0)
    # The frame's first column has some part of the direction that grows most: a constant, divided by the steps.
    assert found.exponents[0] == pytest.approx(rate.mean(), abs=5 / steps)
    assert found.exponents[0] <= rate.mean()


def test_the_error_is_that_of_the_mean_over_sequences():
    """One random slope a step, the same for all time in expectation: the scatter of sequences is what theory says."""
    layer = plain(rnn_tanh, np.array([[1.0]]))
    layer.params["weight_ih_l0"][...] = 1.0
    x = np.random.default_rng(1).standard_normal((300, 40, 1))
    apart = [lyapunov_exponents(layer, x[:, b : b + 1], burn_in=50).exponents[0] for b in range(40)]
    found = lyapunov_exponents(layer, x, burn_in=50)
    assert found.exponents[0] == pytest.approx(np.mean(apart), rel=1e-12)
    assert found.errors[0] == pytest.approx(np.std(apart, ddof=1) / 40**0.5, rel=1e-10)


def test_a_direction_that_is_lost_has_minus_infinity():
    layer = plain(rnn_relu, np.diag([1.0, 0.5]))
    state = np.array([[[1.0, -1.0]]])  # the second unit is off from the start
    found = lyapunov_exponents(layer, np.zeros((20, 1, 1)), state=state)
    np.testing.assert_allclose(found.exponents, [0.0, -np.inf], atol=1e-15)


def test_what_rounding_leaves_of_a_lost_direction_is_no_exponent():
    u, v = np.random.default_rng(2).standard_normal((2, 5, 2))
    found = lyapunov_exponents(plain(linear, u @ v.T), np.zeros((50, 1, 1)))
    assert np.isfinite(found.exponents[:2]).all()
    assert (found.exponents[2:] == -np.inf).all()


@pytest.mark.parametrize("k", [1, 3, 6])
def test_weights_with_zeros_hide_no_direction(k):
    """c remembers by its forget gate, h is made anew at every step: c's exponents come first."""
    layer = Recurrent(lstm, 1, 3, dtype="float64", seed=0)
    for array in layer.params.values():
        array[...] = 0
    layer.params["bias_ih_l0"][3:6] = b = [1.0, 3.0, 2.0]
    carries = np.sort(np.log(1 / (1 + np.exp(-np.array(b)))))[::-1]
    found = lyapunov_exponents(layer, np.zeros((600, 1, 1)), k, burn_in=300)
    np.testing.assert_allclose(found.exponents, [*carries, *[-np.inf] * 3][:k], atol=1e-12)


@pytest.mark.parametrize(("gain", "sign"), [(0.8, -1), (3.0, 1)])
def test_a_random_tanh_network_is_chaotic_above_a_gain_of_one(gain, sign):
    """Sompolinsky, Crisanti and Sommers (1988)."""
    H = 60
    weight = np.random.default_rng(0).standard_normal((H, H)) * gain / H**0.5
    state = np.random.default_rng(1).standard_normal((1, 2, H))
    found = lyapunov_exponents(plain(rnn_tanh, weight), np.zeros((300, 2, 1)), 1, burn_in=100, state=state)
    assert sign * found.exponents[0] > 0.1


def test_models_and_lower_layers_have_theirs():
    model = tt.SequenceModel(2, 4, 1, "gru", num_layers=2, seed=0)
    x = np.random.default_rng(1).standard_normal((50, 2, 2)).astype("float32")
    top, low = lyapunov_exponents(model, x), lyapunov_exponents(model, x, layer=0)
    assert top.exponents[0] != low.exponents[0]
    np.testing.assert_array_equal(lyapunov_exponents(model, x, layer=1).exponents, top.exponents)


def test_arguments_out_of_range_are_refused():
    layer, x = plain(rnn_tanh, np.eye(3)), np.zeros((10, 1, 1))
    with pytest.raises(ArgumentError, match="k=4 found; expected 1 to 3"):
        lyapunov_exponents(layer, x, k=4)
    with pytest.raises(ArgumentError, match="burn_in=10 found with 10 steps; expected 0 to 9"):
        lyapunov_exponents(layer, x, burn_in=10)
