"""Models whose gradient reaches far, fades or grows; and what the failure tells."""

import re

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import ArgumentError
from throughtime.flow.assertion import assert_horizon, check_horizon
from throughtime.flow.curve import Curve


def failure(curve, lag, eps=0.01):
    with pytest.raises(AssertionError) as caught:
        check_horizon(curve, lag, eps)
    return str(caught.value)


def identity_relu(a, T, B=2, H=4):
    """Positive states and W = a I: phi_l / phi_0 is exactly a^l."""
    layer = tt.RNN(H, H, nonlinearity="relu", bias=False, dtype="float64")
    layer.params["weight_hh_l0"][...] = a * np.eye(H)
    layer.params["weight_ih_l0"][...] = np.eye(H)
    return layer, np.ones((T, B, H)), np.ones((T, B, H))


def test_horizon_at_the_demanded_lag_passes_and_one_less_fails():
    curve = Curve(0.9 ** np.arange(200))
    assert curve.horizon() == 43
    check_horizon(curve, 43)
    first = failure(curve, 44).splitlines()[0]
    assert first.startswith(
        "horizon(0.01) is 43; expected at least 44. The half-life is 6.58 lags; at lag 44 phi is 0.0097"
    )
    assert re.search(r"Try an LSTM with forget bias 3\.8, .*\.$", first)
    check_horizon(curve, 65, eps=0.001)
    assert failure(curve, 44, eps=0.1).startswith("horizon(0.1) is 21")


def test_horizon_bounded_from_below_counts_as_its_bound():
    check_horizon(Curve(np.ones(101)), 90, eps=0.1)
    message = failure(Curve(np.ones(101)), 95, eps=0.1)
    assert message.startswith(
        "horizon(0.1) is at least 90; expected at least 95, which 100 lags are too few to tell. Pass "
    )
    assert "of more than 200 steps" in message


def test_growth_above_tenfold_fails_at_its_lag_however_far_the_horizon():
    phi = 0.95 ** np.arange(101)
    phi[30] = 9.9
    check_horizon(Curve(5 * phi), 30)
    phi[30] = 10.1
    message = failure(Curve(5 * phi), 30)
    assert message.startswith("phi at lag 30 is 10.1 times phi_0; expected at most 10 times")
    assert "  lag  30  1.01e+01" in message
    assert failure(Curve(10.0 ** np.linspace(-300, 300, 61)), 30).startswith("phi at lag 60 is")


def test_message_draws_the_curve_on_a_log_scale():
    lines = failure(Curve(0.1 ** np.arange(5)), 3).splitlines()
    assert lines[1:] == [
        "phi_l / phi_0, on a log scale from 1e-04 to 1e+00:",
        "  lag 0  1.00e+00  " + "█" * 40,
        "  lag 1  1.00e-01  " + "█" * 30,
        "  lag 2  1.00e-02  " + "█" * 20,
        "  lag 3  1.00e-03  " + "█" * 10 + "  <- demanded",
        "  lag 4  1.00e-04",
    ]


def test_chart_is_a_few_lines_with_the_demanded_lag_among_them():
    lines = failure(Curve(0.9 ** np.arange(1001)), 437).splitlines()[2:]
    lags = [int(line.split()[1]) for line in lines]
    assert len(lines) == 12
    assert (lags[0], lags[-1]) == (0, 1000)
    assert [line for line in lines if line.endswith("<- demanded")] == [lines[lags.index(437)]]
    assert all(line.count("█") <= 40 for line in lines)


def test_gradient_that_is_nowhere_is_said_to_be():
    assert "No target has a gradient at lag 0." in failure(Curve(np.zeros(20)), 5)
    assert "The half-life is 0 lags; at lag 5 phi is 0 phi_0." in failure(Curve([1.0] + [0.0] * 10), 5)


def test_model_is_measured_as_far_back_as_the_demand_needs():
    check = identity_relu(0.9, 150)
    assert_horizon(*check, lag=43)
    with pytest.raises(AssertionError, match=r"horizon\(0\.01\) is 43; expected at least 44"):
        assert_horizon(*check, lag=44)
    assert_horizon(*identity_relu(0.99, 450), lag=200)  # 100 lags would end before
    with pytest.raises(AssertionError, match=r"^phi at lag 100 is 1\.38e\+04 times phi_0"):
        assert_horizon(*identity_relu(1.1, 150), lag=10)


def test_sequences_too_short_for_the_lag_are_refused():
    with pytest.raises(
        ArgumentError, match=r"^lag=20 found, .* more than 19 steps .*; expected at most 19\. Pass "
    ):
        assert_horizon(*identity_relu(1.0, 20), lag=20)
    assert_horizon(*identity_relu(1.0, 21), lag=20)
    layer, x, dy = identity_relu(1.0, 21)
    reset = np.zeros((21, 2), bool)
    reset[10] = True
    with pytest.raises(ArgumentError, match=r"^lag=20 found, .* more than 10 steps"):
        assert_horizon(layer, x, dy, lag=20, reset=reset)


@pytest.mark.parametrize(
    ("how", "most"),
    [
        ({"reset": np.arange(21)[:, None] % 8 == 0}, 7),
        ({"lengths": np.array([10, 13])}, 12),
        ({"origins": np.array([3, 6])}, 6),
        ({"origins": np.array([3, 18]), "lengths": np.array([10, 10])}, 3),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else str(value),
)
def test_steps_that_do_not_count_are_no_lags(how, most):
    layer, x, dy = identity_relu(1.0, 21)
    if "reset" in how:
        how = {"reset": np.broadcast_to(how["reset"], (21, 2))}
    with pytest.raises(ArgumentError, match=rf"^lag={most + 1} found, .* more than {most} steps"):
        assert_horizon(layer, x, dy, lag=most + 1, **how)
    assert_horizon(layer, x, dy, lag=most, **how)


def test_model_is_measured_from_the_given_state():
    """h = tanh(2 h): at its fixed point a step back leaves 0.166 of the gradient, at 0 it doubles it."""
    layer = tt.RNN(1, 1, bias=False, dtype="float64")
    layer.params["weight_hh_l0"][...], layer.params["weight_ih_l0"][...] = 2.0, 0.0
    x = np.zeros((31, 1, 1))
    with pytest.raises(AssertionError, match=r"^phi at lag 30 is 1\.07e\+09 times phi_0"):
        assert_horizon(layer, x, x + 1, lag=2)
    state = np.full((1, 1, 1), 0.9575040)
    assert_horizon(layer, x, x + 1, lag=2, state=state)
    with pytest.raises(AssertionError, match=r"^horizon\(0\.01\) is 2; expected at least 3"):
        assert_horizon(layer, x, x + 1, lag=3, state=state)


def test_model_whose_weights_are_no_numbers_is_said_to_be_broken():
    layer, x, dy = identity_relu(1.0, 12)
    layer.params["weight_hh_l0"][0, 0] = np.nan
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(
            tt.DivergedError, match=r"^the gradient of layer 0 is not a number at lag 1; expected "
        ),
    ):
        assert_horizon(layer, x, dy, lag=3)


@pytest.mark.parametrize("lag", [0, -3, 2.0, True, "50"])
def test_lag_is_a_whole_number_of_at_least_one(lag):
    with pytest.raises(
        ArgumentError, match=r"^lag=.* found; expected a whole number of at least 1\. Pass lag=50\.$"
    ):
        assert_horizon(*identity_relu(1.0, 4), lag=lag)


def test_a_number_of_origins_has_room_beside_the_lags_demanded(monkeypatch):
    asked = []

    def watched(model, inputs, targets, max_lag, origins, **more):
        asked.append((max_lag, origins))
        return tt.gradient_flow(model, inputs, targets, max_lag, origins, **more)

    monkeypatch.setattr("throughtime.flow.assertion.gradient_flow", watched)
    model = tt.SequenceModel(1, 16, 1, cell="rnn", seed=0)
    x = np.random.default_rng(0).normal(size=(80, 2, 1)).astype(np.float32)
    tt.assert_horizon(model, x, x, lag=2, origins=8)
    with pytest.raises(AssertionError):
        tt.assert_horizon(model, x, x, lag=75, origins=8)
    tt.assert_horizon(model, x, x, lag=2)
    assert asked == [(72, 8), (75, 8), (100, None)]
