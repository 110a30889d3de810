"""The smallest truncation within a tolerance, and a mean of curves that one probe does not throw about."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.errors import ArgumentError
from throughtime.flow.adaptive import Choice, RunningCurve, choose
from throughtime.flow.curve import Curve


def test_ratio_of_eight_tenths_and_a_tolerance_of_a_tenth_choose_eleven():
    choice = choose(Curve(0.8 ** np.arange(101)), 0.1, 1000)
    assert (choice.K, choice.finite) == (11, True)
    assert choice.beta == pytest.approx(0.8, rel=1e-12)
    assert choice.relative_bias == pytest.approx(0.8**12 / (1 - 2 * 0.8**12), rel=1e-9)


@given(st.floats(0.05, 0.99), st.floats(1e-4, 10), st.integers(6, 60))
def test_choice_is_the_first_lag_within_the_tolerance_measured_or_not(beta, tolerance, lags):
    """delta <= tolerance where beta^(K+1) <= tolerance / (1 + 2 tolerance)."""
    choice = choose(Curve(beta ** np.arange(lags)), tolerance, 10_000)
    edge = math.log(tolerance / (1 + 2 * tolerance)) / math.log(beta)
    assert abs(choice.K - max(0, math.ceil(edge) - 1)) <= (abs(edge - round(edge)) < 1e-6)
    assert choice.finite


def test_no_lag_serves_where_the_curve_does_not_fall_or_the_longest_is_too_short():
    assert choose(Curve(np.ones(50)), 0.1, 200) == Choice(200, math.inf, 1.0, False)
    grows = choose(Curve(1.1 ** np.arange(50)), 0.1, 200)
    assert (grows.K, grows.finite, grows.beta) == (200, False, pytest.approx(1.1))
    short = choose(Curve(0.8 ** np.arange(50)), 0.1, 10)
    assert (short.K, short.finite) == (10, False)
    assert short.relative_bias == pytest.approx(0.1037, abs=1e-4)
    assert choose(Curve(0.8 ** np.arange(50)), 0.1, 11).finite
    assert choose(Curve([1.0, 0, 0]), 0.1, 11) == Choice(0, 0.0, 0.0, True)


def test_choice_reaches_an_echo_that_alone_is_more_than_the_tolerance():
    """0.8^l by itself needs 11 lags; half a phi_0 at lag 80 is a tenth of all there is."""
    phi = 0.8 ** np.arange(101)
    phi[80] += 0.5
    choice = choose(Curve(phi), 0.1, 1000)
    assert (choice.K, choice.finite) == (80, True)
    assert choose(Curve(phi), 0.1, 79).finite is False
    phi[80] = 0.8**80 + 0.05  # a hundredth, and within the tolerance
    assert 11 <= choose(Curve(phi), 0.1, 1000).K < 20


def test_choice_is_fit_for_json():
    record = choose(Curve(0.8 ** np.arange(50)), 0.1, 200).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert list(record) == ["K", "relative_bias", "beta", "finite"]
    assert choose(Curve([1.0]), 0.1, 200).record() == {
        "K": 200,
        "relative_bias": None,
        "beta": None,
        "finite": False,
    }


@pytest.mark.parametrize("tolerance", [0, -0.1, math.inf, math.nan, "0.1", True, None])
def test_tolerance_is_a_finite_number_above_zero(tolerance):
    with pytest.raises(
        ArgumentError, match=r"^tolerance=.* found; expected a finite number above 0.*\. Pass "
    ):
        choose(Curve([1.0, 0.5, 0.2]), tolerance, 10)


@pytest.mark.parametrize("longest", [-1, 2.0, True, None])
def test_longest_is_a_lag(longest):
    with pytest.raises(
        ArgumentError, match=r"^longest=.* found; expected a whole number of at least 0.*\. Pass "
    ):
        choose(Curve([1.0, 0.5, 0.2]), 0.1, longest)


def test_mean_gives_each_probe_the_weight_of_all_before_it_whatever_its_scale():
    mean = RunningCurve()
    assert mean.curve is None
    for probe in ([2e300, 2e300], [3.0, 1.5], [1e-300, 0.0]):
        mean.add(Curve(probe))
    assert mean.curve.phi.tolist() == [1, ((1 + 0.5) / 2 + 0) / 2]


def test_mean_is_as_long_as_the_last_probe_and_fills_each_ones_gaps():
    mean = RunningCurve()
    mean.add(Curve([1, 0.5, 0.25, math.nan]))
    mean.add(Curve([1, math.nan, 0.75, 0.5, 0.1]))
    assert mean.curve.phi.tolist() == [1, 0.5, 0.5, 0.5, 0.1]
    mean.add(Curve([1, 0.5]))
    assert mean.curve.phi.tolist() == [1, 0.5]


def test_probe_without_a_gradient_is_passed_over():
    mean = RunningCurve()
    mean.add(Curve([0.0, 0.0]))
    assert mean.curve is None
    mean.add(Curve([1.0, 0.5]))
    mean.add(Curve([0.0, 0.0]))
    assert mean.curve.phi.tolist() == [1, 0.5]


def test_one_unusual_probe_moves_the_choice_less_than_it_would_alone():
    usual, unusual = Curve(0.8 ** np.arange(100)), Curve(0.9 ** np.arange(100))
    mean = RunningCurve()
    for curve in (usual, usual, unusual):
        mean.add(curve)
    assert (
        11 == choose(usual, 0.1, 500).K < choose(mean.curve, 0.1, 500).K < choose(unusual, 0.1, 500).K == 23
    )


def test_state_goes_through_json_and_goes_on_with_the_same_bits():
    probes = np.random.default_rng(0).uniform(0.1, 1, (4, 30))
    whole, first, second = RunningCurve(), RunningCurve(), RunningCurve()
    second.load(json.loads(json.dumps(first.state, allow_nan=False)))
    assert second.curve is None
    for k, probe in enumerate(probes):
        probe[25:] = math.nan if k < 2 else 0.1
        whole.add(Curve(probe))
        (first if k < 2 else second).add(Curve(probe))
        if k == 1:
            second.load(json.loads(json.dumps(first.state, allow_nan=False)))
    assert second.curve.phi.tobytes() == whole.curve.phi.tobytes()


@pytest.mark.parametrize("state", [{}, {"phi": [1.0], "more": 2}])
def test_state_of_something_else_is_refused(state):
    with pytest.raises(
        ArgumentError, match=r"^the state for the running curve holds .*; expected phi\. Load "
    ):
        RunningCurve().load(state)
