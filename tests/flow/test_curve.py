"""Closed forms of geometric curves, at any scale; and what is said of curves that do not fall, or that end early."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.flow.curve import Curve, Horizon

RATIOS = [0.1, 0.5, 0.58, 0.8, 0.9, 0.99]
SCALES = [1e-300, 1e-150, 1.0, 1e150, 1e300]


def geometric(a, lags=4000):
    return Curve(a ** np.arange(lags))


def lstm_forgets(bias):
    return 1 / (1 + math.exp(-bias))


@pytest.mark.parametrize("a", RATIOS)
def test_geometric_curve_has_its_closed_forms(a):
    curve = geometric(a)
    assert curve.half_life == pytest.approx(math.log(2) / -math.log(a), rel=1e-12)
    assert curve.mean_lag == pytest.approx(a / (1 - a), rel=1e-12)
    for K in (0, 1, 7, 60):
        assert curve.mass_beyond(K) == pytest.approx(a ** (K + 1), rel=1e-12)
    for eps in (0.5, 0.1, 0.03, 0.01, 1e-3):
        horizon = curve.horizon(eps)
        assert horizon == max(0, math.ceil(round(math.log(eps) / math.log(a), 12)) - 1)
        assert not horizon.censored
    assert curve.fit.ratio == pytest.approx(a, rel=1e-12)
    assert curve.fit.intercept == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("bias", "half_life"), [(0, 1.00), (1, 2.21), (2, 5.46), (3, 14.27), (5, 103.2)])
def test_half_life_of_a_forget_gate(bias, half_life):
    assert geometric(lstm_forgets(bias), 200).half_life == pytest.approx(half_life, abs=0.05)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("a", [0.3, 0.9, 1.0, 1.3])
def test_scale_changes_nothing_from_the_smallest_to_the_largest_norms(scale, a):
    plain, scaled = Curve(a ** np.arange(20)), Curve(scale * a ** np.arange(20.0))
    assert scaled.half_life == pytest.approx(plain.half_life, rel=1e-9)
    assert scaled.mean_lag == pytest.approx(plain.mean_lag, rel=1e-12)
    assert scaled.mass_beyond(3) == pytest.approx(plain.mass_beyond(3), rel=1e-12)
    assert scaled.relative_bias(12) == pytest.approx(plain.relative_bias(12), rel=1e-9)
    assert repr(scaled.horizon()) == repr(plain.horizon())
    np.testing.assert_allclose(scaled.relative, plain.relative, rtol=1e-12)


def test_curve_may_span_all_that_float64_holds():
    grows = Curve(10.0 ** np.linspace(-300, 300, 61))
    assert (grows.half_life, grows.mass_beyond(59)) == (math.inf, pytest.approx(1.0))
    assert grows.horizon() == 60
    assert grows.horizon().censored
    assert np.isfinite(grows.relative).all()
    falls = Curve(10.0 ** np.linspace(300, -300, 61))
    assert falls.half_life == pytest.approx(math.log10(2) / 10, rel=1e-12)
    assert repr(falls.horizon()) == "0"
    assert falls.relative[-1] == 0  # 1e-600
    assert Curve([1.0, math.inf, 1.0]).mass_beyond(0) == 1.0


@pytest.mark.parametrize(("layers_below", "a"), [(1, 0.5), (2, 0.8)])
def test_curve_that_rises_first_is_whole_once_it_has_fallen(layers_below, a):
    phi = [math.comb(lag + layers_below, layers_below) * a**lag for lag in range(200)]
    assert not Curve(phi).horizon().censored
    assert Curve(phi[:5]).horizon().censored
    total = (1 - a) ** -(layers_below + 1)
    horizon = next(L for L in range(200) if sum(phi[: L + 1]) >= 0.99 * total)
    assert Curve(phi).horizon() == horizon


def test_half_life_leaves_out_what_is_below_a_millionth():
    phi = 0.5 ** np.arange(60)
    phi[20:] *= 1e3  # 2^-20 is less than 1e-6, yet 2^-20 1e3 is more
    assert Curve(phi).half_life > 1.01
    phi[20:] *= 1e-3 * 0.9
    assert Curve(phi).half_life == pytest.approx(1, rel=1e-12)
    phi[20:] = 0
    assert Curve(phi).half_life == pytest.approx(1, rel=1e-12)


def test_half_life_takes_three_lags_however_small():
    # Two of them are usable, lags 0 and 3: the first three are taken, which fall by 1e-9 a lag.
    assert Curve([1, 1e-9, 1e-18, 1e-5]).half_life == pytest.approx(math.log10(2) / 9, rel=1e-12)
    assert Curve([1, 1e-9, 1e-18, 1e-30]).half_life == pytest.approx(math.log10(2) / 9, rel=1e-12)
    assert Curve([1, 1e-9, 0, 1e-18, 0]).fit.last == 3  # of lags that are exactly 0 there is no logarithm


def test_half_life_at_the_edges():
    assert Curve([1, 0, 0]).half_life == 0
    assert Curve([1, 1, 1]).half_life == math.inf
    assert Curve([1, 2, 4]).half_life == math.inf
    assert math.isnan(Curve([1, 0.5]).half_life)
    assert math.isnan(Curve([1, 0.5, math.nan, math.nan]).half_life)
    assert math.isnan(Curve([0, 0, 0]).half_life)


def test_rounding_of_a_level_curve_is_no_fall():
    """The norms of float32 gradients that an orthogonal matrix carries back."""
    noise = 1 + 1e-7 * np.random.default_rng(0).normal(size=100)
    for phi in (noise, noise[::-1]):
        curve = Curve(phi)
        assert curve.half_life == math.inf
        assert curve.horizon().censored
        assert curve.relative_bias(50) == math.inf


@pytest.mark.parametrize("eps", [0.1, 0.01])
@pytest.mark.parametrize("a", RATIOS)
def test_horizon_is_censored_when_the_tail_beyond_holds_more_than_eps(a, eps):
    """The tail of a^l beyond L holds a^(L+1) of the whole."""
    enough = math.ceil(round(math.log(eps) / math.log(a), 9)) - 1
    for lags in range(3, 12):
        assert geometric(a, lags).horizon(eps).censored == (lags - 1 < enough)


def test_tail_follows_the_slowest_of_several_decays():
    lags = np.arange(40)
    curve = Curve(0.3**lags + 0.02 * 0.97**lags)
    assert curve.half_life < 15
    assert curve.tail().ratio == pytest.approx(0.97, rel=1e-3)
    assert curve.horizon().censored  # by the line through all lags it would not be
    assert not Curve(0.3**lags + 0.02 * 0.5**lags).horizon().censored


def test_lags_without_an_origin_are_left_out():
    phi = 0.7 ** np.arange(30)
    longer = np.append(phi, [math.nan] * 20)
    for name in ("half_life", "mean_lag"):
        assert getattr(Curve(longer), name) == pytest.approx(getattr(Curve(phi), name), rel=1e-12)
    assert Curve(longer).horizon(0.1) == Curve(phi).horizon(0.1)
    assert Curve(longer).relative_bias(40) == pytest.approx(Curve(phi).relative_bias(40), rel=1e-12)
    assert Curve(longer).mass_beyond(29) == 0
    assert Curve(longer).lags.tolist() == list(range(30))
    phi[3] = math.nan
    assert Curve(phi).half_life == pytest.approx(math.log(2) / -math.log(0.7), rel=1e-12)


def test_gradient_that_never_comes_back_has_its_horizon_at_zero():
    curve = Curve([3.0, 0, 0, 0])
    assert (repr(curve.horizon()), curve.mass_beyond(0), curve.mean_lag, curve.relative_bias(0)) == (
        "0",
        0,
        0,
        0,
    )


def test_no_gradient_at_all_has_no_scale():
    curve = Curve(np.zeros(5))
    assert (repr(curve.horizon()), curve.mass_beyond(0), curve.relative_bias(3)) == ("0", 0, math.inf)
    assert math.isnan(curve.mean_lag)
    assert np.isnan(curve.relative).all()
    assert np.isnan(Curve([0, 1, 0.5, 0.25]).relative).all()


def test_one_lag_alone_tells_of_no_fall():
    assert repr(Curve([2.0]).horizon()) == "at least 0"
    assert Curve([2.0]).relative_bias(0) == math.inf


@given(
    st.lists(st.floats(0, 1e300), min_size=1, max_size=12).filter(lambda phi: phi[0] > 0),
    st.floats(0.001, 0.5),
)
def test_horizon_is_the_smallest_lag_with_all_but_eps_of_the_sum(phi, eps):
    curve = Curve(phi)
    horizon = curve.horizon(eps)
    assert 0 <= horizon < len(phi)
    assert curve.mass_beyond(horizon) <= eps * (1 + 1e-9)
    assert horizon == 0 or curve.mass_beyond(horizon - 1) > eps
    assert 0 <= curve.mean_lag <= len(phi) - 1
    assert [curve.mass_beyond(K) for K in range(len(phi))] == sorted(
        (curve.mass_beyond(K) for K in range(len(phi))), reverse=True
    )


# ---------------------------------------------------------------- the bias of a truncation


@pytest.mark.parametrize("tau", [None, 0, 1, 5, 15, 29])
@pytest.mark.parametrize("beta", [0.5, 0.8, 0.9])
def test_bias_of_a_geometric_curve_is_its_closed_form_whatever_tau(beta, tau):
    curve = geometric(beta, 40)
    for K in (0, 3, 11, 25, 39, 60):
        left = beta ** (K + 1)
        expected = left / (1 - 2 * left) if left < 0.5 * (1 - 1e-9) else math.inf
        assert curve.relative_bias(K, tau) == pytest.approx(expected, rel=1e-9)


def test_smallest_lag_within_a_tenth_of_a_ratio_of_eight_tenths_is_eleven():
    curve = geometric(0.8, 200)
    assert min(K for K in range(200) if curve.relative_bias(K) <= 0.1) == 11


def test_bias_adds_measured_lags_below_tau_to_the_bound_above():
    """By hand: phi 5, 4, 3 and from lag 3 on 2^-l; E(K) in units of M."""
    phi = np.append([5.0, 4.0, 3.0], 0.5 ** np.arange(3, 20))
    curve = Curve(phi)
    beyond = {0: 4 + 3 + 2 * 0.5**3, 1: 3 + 2 * 0.5**3, 2: 2 * 0.5**3, 3: 0.5**3, 5: 0.5**5, 25: 0.5**25}
    total = 12 + 2 * 0.5**3
    for K, E in beyond.items():
        within = total - E
        expected = E / (within - E) if within > E else math.inf
        assert curve.relative_bias(K, tau=3) == pytest.approx(expected, rel=1e-9)


def test_bias_is_unbounded_where_the_curve_does_not_fall():
    assert Curve(np.ones(30)).relative_bias(29) == math.inf
    assert Curve(1.1 ** np.arange(30)).relative_bias(1000) == math.inf
    bathtub = np.append(0.5 ** np.arange(10), np.full(20, 0.5**9))
    assert Curve(bathtub).half_life < math.inf
    assert Curve(bathtub).relative_bias(29) == math.inf


@pytest.mark.parametrize(
    "phi",
    [
        0.9 ** np.arange(30),
        1 / (1 + np.arange(50.0)) ** 3,
        [5, 1, 4, 0.5, 3, 0.2, 0.1, 0.05],
        0.8 ** np.arange(60) + 0.3 * (np.arange(60) == 45),
    ],
    ids=["geometric", "a power", "rough", "with an echo"],
)
def test_longer_truncation_never_has_a_greater_bound(phi):
    biases = [Curve(phi).relative_bias(K) for K in range(100)]
    assert biases == sorted(biases, reverse=True)


def with_an_echo(beta=0.8, size=0.5, lag=80, lags=101):
    phi = beta ** np.arange(lags)
    phi[lag] += size
    return Curve(phi)


def least_bias(curve, K):
    """What was measured beyond K beside what was within, both pointing one way: no bound may be smaller."""
    beyond = curve.mass_beyond(K)
    return beyond / (1 - 2 * beyond) if beyond < 0.5 else math.inf


def test_bias_does_not_overlook_a_gradient_that_comes_back_from_a_distant_lag():
    """phi = 0.8^l sums to 5 (1 - 0.8^101), of which 5 0.8^31 lies beyond lag 30; the echo there adds 0.5."""
    curve = with_an_echo()
    whole, beyond = 5 * (1 - 0.8**101) + 0.5, 5 * (0.8**31 - 0.8**101) + 0.5
    measured = beyond / (whole - 2 * beyond)
    assert least_bias(curve, 30) == pytest.approx(measured, rel=1e-12)
    assert measured == pytest.approx(0.1125, abs=1e-4)
    assert measured * (1 - 1e-12) <= curve.relative_bias(30) < measured + 0.01
    # Behind it the curve goes on as it did.
    assert curve.relative_bias(80) < 1e-3


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=12).filter(lambda phi: phi[0] > 0.01), st.integers(0, 12)
)
def test_bias_is_never_less_than_what_was_measured_beyond(phi, K):
    curve = Curve(phi)
    assert curve.relative_bias(K) >= least_bias(curve, K) * (1 - 1e-9)


# ---------------------------------------------------------------- what is told, and what is refused


def test_horizon_is_an_int_that_says_when_it_is_only_bounded():
    bounded = Horizon(50, censored=True)
    assert (str(bounded), repr(bounded), f"{bounded}") == ("at least 50",) * 3
    assert (str(Horizon(11)), f"{Horizon(11)}", Horizon(11) + 1) == ("11", "11", 12)
    assert json.dumps(bounded) == "50"
    assert bounded == 50
    for again in (copy.copy(bounded), pickle.loads(pickle.dumps(bounded))):
        assert (int(again), again.censored) == (50, True)


def test_curve_keeps_its_own_values():
    phi = np.array([1.0, 0.5, 0.25])
    curve = Curve(phi)
    phi[:] = 7
    assert curve.phi.tolist() == [1.0, 0.5, 0.25]
    with pytest.raises(ValueError, match="read-only"):
        curve.phi[0] = 1
    assert Curve([2, 1]).phi.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "error", "found"),
    [
        (lambda: Curve([]), ShapeError, "phi has shape (0,)"),
        (lambda: Curve([[1.0]]), ShapeError, "phi has shape (1, 1)"),
        (lambda: Curve([[1.0], [1.0, 2.0]]), ShapeError, "phi is ragged"),
        (lambda: Curve(["1"]), DtypeError, "phi has dtype"),
        (lambda: Curve([1j]), DtypeError, "phi has dtype"),
        (lambda: Curve([math.nan, 1.0]), ArgumentError, "phi is NaN at lag 0"),
        (lambda: Curve([1.0, -2.0]), ArgumentError, "phi is -2 at lag 1"),
        (lambda: geometric(0.5).horizon(0), ArgumentError, "eps=0 found"),
        (lambda: geometric(0.5).horizon(1.0), ArgumentError, "eps=1.0 found"),
        (lambda: geometric(0.5).horizon(math.nan), ArgumentError, "eps=nan found"),
        (lambda: geometric(0.5).horizon("0.1"), ArgumentError, "eps='0.1' found"),
        (lambda: geometric(0.5).mass_beyond(-1), ArgumentError, "K=-1 found"),
        (lambda: geometric(0.5).mass_beyond(1.5), ArgumentError, "K=1.5 found"),
        (lambda: geometric(0.5).relative_bias(True), ArgumentError, "K=True found"),
        (lambda: geometric(0.5).relative_bias(3, tau=-1), ArgumentError, "tau=-1 found"),
        (lambda: geometric(0.5, 10).relative_bias(3, tau=10), ArgumentError, "tau=10 found"),
    ],
)
def test_what_is_no_curve_or_no_lag_is_refused_in_one_line(make, error, found):
    with pytest.raises(error) as caught:
        make()
    message = str(caught.value)
    assert message.startswith(found)
    assert "; expected " in message
    assert "\n" not in message
