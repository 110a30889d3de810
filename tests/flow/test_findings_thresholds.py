"""Where findings begin: on either side of each threshold."""

import dataclasses

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, linear, names, orthogonal, plain, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, find

SPIKES = np.r_[np.full(300, 0.4), np.full(10, 40.0)]


@pytest.mark.parametrize(("growth", "expected"), [(9.0, []), (11.0, ["exploding"])])
def test_exploding_begins_at_tenfold(growth, expected):
    flow = flow_of(linear(orthogonal(growth ** (1 / 20))), max_lag=20, origins=10)
    assert np.isclose(flow.curve().relative[20], growth)
    assert names(flow) == expected


@pytest.mark.parametrize(("truncation", "expected"), [("chunk:12", []), ("chunk:13", ["vanishing"])])
def test_vanishing_begins_where_half_of_the_lags_are_empty(truncation, expected):
    flow = flow_of(plain("tanh"), max_lag=50)
    assert flow.horizon() == 6
    assert names(flow, trained(truncation)) == expected


@pytest.mark.parametrize("kind", [tt.LSTM, tt.GRU])
@pytest.mark.parametrize(("bias", "shut"), [(-1.1, False), (-1.8, True), (-4.0, True)])
def test_a_gate_is_shut_if_it_is_open_by_less_than_a_fifth_on_average(kind, bias, shut):
    gate, name = ("f", "shut-forget-gate") if kind is tt.LSTM else ("z", "shut-update-gate")
    flow = flow_of(gated(kind, gate, bias))
    open_by = flow.saturation[0].gates[gate].mean  # of each unit
    assert bool((open_by < 0.2).all()) is bool((open_by < 0.2).any()) is shut
    assert 0.01 < open_by.mean() < 0.3
    assert names(flow) == ([name] if shut else [])


@pytest.mark.parametrize(("above", "expected"), [(4.0, []), (0.0, ["shut-update-gate"])])
def test_a_gate_that_is_shut_is_no_illness_where_the_gradient_lasts(above, expected):
    """The lower layer keeps nothing; the upper one keeps what it gets, or half of it."""
    layer = tt.GRU(3, 16, num_layers=2, dtype="float64", seed=0)
    layer.params["bias_ih_l0"][16:32], layer.params["bias_ih_l1"][16:32] = -5.0, above
    flow = flow_of(layer)
    assert flow.saturation[0].gates["z"].left.mean() > 0.99
    assert names(flow) == expected


@pytest.mark.parametrize(("dead", "expected"), [(5, []), (6, ["dead-units"])])
def test_dead_units_begin_at_a_third(dead, expected):
    lives = np.arange(16) >= dead
    flow = flow_of(plain("relu", np.diag(0.9 * lives), np.where(lives, 0.5, -50.0)))
    assert names(flow) == expected


@pytest.mark.parametrize(("share", "expected"), [(0.009, []), (0.011, ["underflow"])])
def test_underflow_begins_at_one_entry_in_a_hundred(share, expected):
    flow = flow_of(gated(tt.LSTM))
    lost = np.zeros_like(flow.underflow)
    lost[0, 3], lost[0, 50] = share, 1.0  # within the horizon, and far beyond it
    assert names(dataclasses.replace(flow, underflow=lost)) == expected


@pytest.mark.parametrize(("k", "severity"), [(50, None), (30, "caution"), (8, "problem")])
def test_a_truncation_is_a_problem_where_it_hides_most(k, severity):
    evidence = Evidence(flow_of(linear(orthogonal(0.88)), origins=10), trained(f"chunk:{k}"))
    assert evidence.lost == pytest.approx({50: 0.15, 30: 0.24, 8: 0.59}[k], abs=0.01)
    assert [found.severity for found in find(evidence)] == ([] if severity is None else [severity])


def test_a_longer_truncation_leaves_out_a_twentieth():
    flow = flow_of(linear(orthogonal(0.97)), steps=400, max_lag=300, origins=10)
    assert flow.horizon(0.05) == 98
    (found,) = find(Evidence(flow, trained("chunk:5")))
    assert "chunk:50,150" in found.remedy  # 98 made a round 100, behind at least half as many new steps


@pytest.mark.parametrize(("times", "expected"), [(4.5, []), (5.5, ["gradient-spikes"])])
def test_spikes_begin_at_five_times_the_median(times, expected):
    norms = np.r_[np.full(108, 0.4), np.full(2, 0.4 * times)]
    assert names(flow_of(gated(tt.LSTM)), trained(grad_norms=norms)) == expected
    assert names(flow_of(gated(tt.LSTM)), trained(grad_norms=norms[11:])) == []  # 99 are too few


@pytest.mark.parametrize("bias", [0.9, 1.6])
def test_saturation_is_named_as_a_cause_only_where_it_is_some(bias):
    flow = flow_of(plain("tanh", orthogonal(), bias))
    share = float(flow.saturation[0].gates["h"].saturated.mean())
    (found,) = find(Evidence(flow, trained(init="weight_hh=orthogonal")))
    assert found.name == "vanishing"
    assert ("units are saturated" in found.evidence) is (share > 0.2)
    assert ("the slopes of the units" in found.evidence) is (share < 0.2)
    assert (share > 0.2) is (bias > 1)


def test_what_explodes_is_not_told_again_as_saturation_or_spikes():
    layer = plain("tanh", 12.0 * orthogonal())
    flow = flow_of(layer)
    assert flow.saturation[0].gates["h"].saturated.mean() > 0.5
    assert names(flow, trained(grad_norms=SPIKES)) == ["exploding"]
