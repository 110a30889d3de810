"""The forward equations against the formulas as the literature prints them."""

import math

import numpy as np
import pytest

from throughtime.cells import gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("a", [-2.0, -0.3, 0.0, 0.7, 3.0])
@pytest.mark.parametrize(
    ("cell", "f"),
    [(rnn_tanh, math.tanh), (rnn_sigmoid, sigmoid), (rnn_relu, lambda a: max(a, 0.0))],
    ids=["tanh", "sigmoid", "relu"],
)
def test_rnn_is_the_nonlinearity_of_its_preactivation(cell, f, a):
    (h,), kept = cell.forward((a,), (0.4,))
    assert h == pytest.approx(f(a), rel=1e-15)
    assert kept == (h,)


def test_lstm_is_hochreiters_with_a_forget_gate():
    a_i, a_f, a_g, a_o = a = (0.3, -0.8, 1.1, 0.2)
    h_prev, c_prev = 0.4, -0.9
    c = sigmoid(a_f) * c_prev + sigmoid(a_i) * math.tanh(a_g)
    (h, found), _ = lstm.forward(a, (h_prev, c_prev))
    assert found == pytest.approx(c, rel=1e-15)
    assert h == pytest.approx(sigmoid(a_o) * math.tanh(c), rel=1e-15)


def test_gru_resets_the_recurrent_half_of_its_candidate():
    a_r, a_z, ax_n, ah_n = a = (0.3, -0.8, 1.1, 0.2)
    h_prev = -0.9
    z, n = sigmoid(a_z), math.tanh(ax_n + sigmoid(a_r) * ah_n)
    (h,), _ = gru.forward(a, (h_prev,))
    assert h == pytest.approx((1 - z) * n + z * h_prev, rel=1e-15)


def test_lstm_gradient_of_c_passes_the_forget_gate_and_no_weight():
    """With dh = 0, dc_prev / dc is f: the gradient's highway."""
    state_prev, a = (0.4, -0.9), (0.3, -0.8, 1.1, 0.2)
    state, kept = lstm.forward(a, state_prev)
    _, (dh_prev, dc_prev) = lstm.backward((0.0, 2.0), kept, state_prev, state)
    assert dh_prev == 0
    assert dc_prev == pytest.approx(2 * sigmoid(a[1]), rel=1e-15)


def test_gru_with_its_update_gate_shut_hands_the_gradient_on_unchanged():
    state, kept = gru.forward((0.0, 40.0, 0.5, 0.5), (0.7,))
    da, (dh_prev,) = gru.backward((1.5,), kept, (0.7,), state)
    assert dh_prev == pytest.approx(1.5)
    np.testing.assert_allclose(da, 0, atol=1e-12)


def test_relu_passes_no_gradient_below_zero_or_at_the_kink():
    for a, slope in ((-1.0, 0.0), (0.0, 0.0), (1.0, 1.0)):
        state, kept = rnn_relu.forward((a,), (0.0,))
        assert rnn_relu.backward((2.0,), kept, (0.0,), state)[0] == (2 * slope,)
