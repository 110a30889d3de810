"""Networks with exactly one illness have exactly one finding, healthy ones none."""

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, linear, names, orthogonal, plain, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, find

HALF = np.arange(16) % 2


@pytest.mark.parametrize("training", [None, trained()], ids=["alone", "trained"])
@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (plain("tanh", orthogonal(0.3)), "vanishing"),
        (plain("tanh"), "vanishing"),
        (plain("sigmoid", orthogonal()), "vanishing"),
        (plain("relu", orthogonal(0.3)), "vanishing"),
        (linear(orthogonal(0.5)), "vanishing"),
        (linear(orthogonal(1.5)), "exploding"),
        (plain("relu", 1.5 * np.eye(16), 1.0), "exploding"),
        (plain("tanh", orthogonal(), 4.0), "saturated-units"),
        (plain("sigmoid", orthogonal(), -5.0), "saturated-units"),
        (plain("relu", orthogonal(), -50.0), "dead-units"),
        (plain("relu", np.diag(0.8 * HALF), np.where(HALF, 0.5, -50.0)), "dead-units"),
        (gated(tt.LSTM, "f", -4.0), "shut-forget-gate"),
        (gated(tt.GRU, "z", -5.0), "shut-update-gate"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.cell.name,
)
def test_find_names_the_one_illness_of_a_network(layer, expected, training):
    assert names(flow_of(layer), training) == [expected]


@pytest.mark.parametrize(
    ("layer", "truncation", "more", "expected"),
    [
        (linear(orthogonal(0.97)), "chunk:5", {}, "truncation-too-short"),
        (plain("relu", np.eye(16), 0.5), "chunk:5", {}, "truncation-too-short"),
        (linear(orthogonal(0.9)), "window:3", {}, "truncation-too-short"),
        (linear(orthogonal(0.97)), "full", {"seq_len": 5}, "truncation-too-short"),
        (gated(tt.LSTM), "chunk:100", {}, "truncation-too-long"),
        (gated(tt.GRU), "chunk:20,100", {}, "truncation-too-long"),
        (gated(tt.LSTM), "window:60", {}, "truncation-too-long"),
        (gated(tt.LSTM), "full", {"seq_len": 100}, "truncation-too-long"),
    ],
)
def test_find_names_a_truncation_that_does_not_fit(layer, truncation, more, expected):
    assert names(flow_of(layer), trained(truncation, **more)) == [expected]


def test_find_names_an_underflow_within_the_horizon():
    layer = tt.LSTM(3, 16, seed=0)
    assert names(flow_of(layer, scale=1e-38), trained()) == ["underflow"]
    assert names(flow_of(layer, scale=1e-30), trained()) == []  # beyond the horizon nothing is lost


@pytest.mark.parametrize(
    "layer",
    [
        gated(tt.LSTM),
        gated(tt.GRU),
        gated(tt.LSTM, "f", 2.0),
        gated(tt.GRU, "z", 2.0),
        plain("tanh", orthogonal()),
        linear(orthogonal(0.9)),
    ],
    ids=["lstm", "gru", "remembering lstm", "remembering gru", "orthogonal tanh", "linear"],
)
@pytest.mark.parametrize(
    "training", [None, trained(), trained("chunk:40,50"), trained("full"), trained("auto:0.1")]
)
def test_find_says_nothing_of_a_healthy_network(layer, training):
    assert names(flow_of(layer), training) == []


@pytest.mark.parametrize("truncation", ["full", "window:200", "chunk:20,400"])
def test_find_says_nothing_of_a_gradient_that_never_falls_under_a_truncation_that_lets_it(truncation):
    flow = flow_of(plain("relu", np.eye(16), 0.5))
    assert flow.half_life == np.inf
    assert names(flow, trained(truncation)) == []


def test_find_says_nothing_of_a_truncation_before_training():
    assert names(flow_of(gated(tt.LSTM)), trained("chunk:100", steps=0)) == []


def test_find_does_not_call_a_network_short_that_was_measured_too_short():
    assert names(flow_of(plain("tanh"), max_lag=4)) == []


def test_find_says_nothing_of_a_single_lag():
    layer = plain("tanh")
    x = np.zeros((10, 1, 3))
    dy = np.zeros((10, 1, 16))
    dy[0] = 1.0
    assert names(tt.gradient_flow(layer, x, dy)) == []


@pytest.mark.parametrize("training", [None, trained("chunk:5")])
def test_find_names_a_loss_without_a_gradient(training):
    model = tt.SequenceModel(1, 8, 1, cell="rnn", seed=0)
    model.params["readout.weight"][...] = 0
    x = np.random.default_rng(0).normal(size=(60, 4, 1)).astype(np.float32)
    assert names(tt.gradient_flow(model, x, x), training) == ["no-gradient"]


def test_find_puts_problems_first():
    norms = np.r_[np.full(300, 0.4), np.full(10, 40.0)]
    found = find(Evidence(flow_of(linear(orthogonal(0.97))), trained("chunk:5", grad_norms=norms)))
    assert [(each.severity, each.name) for each in found] == [
        ("problem", "truncation-too-short"),
        ("caution", "gradient-spikes"),
    ]


def test_a_flow_s_findings_are_those_without_a_training():
    assert [each.name for each in flow_of(plain("tanh", orthogonal(0.3))).findings] == ["vanishing"]
    assert flow_of(gated(tt.LSTM)).findings == []
