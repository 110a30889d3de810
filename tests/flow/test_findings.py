"""Networks with exactly one illness have exactly one finding, healthy ones none."""

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, linear, names, orthogonal, plain, trained

import throughtime as tt
from throughtime.cells import relu, relu_slope, sigmoid, sigmoid_slope, tanh, tanh_slope
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
        (gated(tt.LSTM, "f", -2.0), "shut-forget-gate"),
        (gated(tt.GRU, "z", -2.0), "shut-update-gate"),
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


# ------------------------------------------------------------------ which layer


def two_layers(kind, *biases, gate=None, **settings):
    """Two layers that carry on what they get, each with a bias of its own."""
    layer = kind(3, 16, num_layers=2, dtype="float64", seed=0, **settings)
    for k, bias in enumerate(biases):
        if gate is None:
            layer.params[f"weight_hh_l{k}"][...] = orthogonal()
            layer.params[f"bias_ih_l{k}"][...], layer.params[f"bias_hh_l{k}"][...] = bias, 0
        else:
            first = 16 * layer.cell.gates.index(gate)
            layer.params[f"bias_ih_l{k}"][first : first + 16] = bias
    return layer


def told(layer, name):
    """The evidence of a finding that is expected."""
    (found,) = [each for each in flow_of(layer).findings if each.name == name]
    return found.evidence


@pytest.mark.parametrize("ill", [0, 1])
@pytest.mark.parametrize(
    ("name", "kind", "gate", "well", "bad", "settings"),
    [
        ("saturated-units", tt.RNN, None, 0.0, 4.0, {}),
        ("saturated-units", tt.RNN, None, 0.0, -6.0, {"nonlinearity": "sigmoid"}),
        ("dead-units", tt.RNN, None, 0.5, -50.0, {"nonlinearity": "relu"}),
        ("shut-forget-gate", tt.LSTM, "f", 0.0, -4.0, {}),
        ("shut-update-gate", tt.GRU, "z", 0.0, -5.0, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_find_names_the_layer_that_is_ill(name, kind, gate, well, bad, settings, ill):
    biases = (bad, well) if ill == 0 else (well, bad)
    evidence = told(two_layers(kind, *biases, gate=gate, **settings), name)
    assert f"layer {ill} " in evidence
    assert f"layer {1 - ill} " not in evidence


def gate_of_two(activation):
    """h = p q with p a sigmoid; no path back but the weights."""
    f, slope = {"tanh": (tanh, tanh_slope), "relu": (relu, relu_slope)}[activation]

    def forward(a, state):
        p, q = sigmoid(a[0]), f(a[1])
        return (p * q,), (p, q)

    def backward(dstate, kept, state_prev, state):
        (dh,), (p, q) = dstate, kept
        return (dh * q * sigmoid_slope(p), dh * p * slope(q)), (dh * type(dh)(0),)

    activations = {"p": "sigmoid", "q": activation}
    return tt.Cell(f"two_{activation}", forward, backward, ("p", "q"), direct=False, activations=activations)


@pytest.mark.parametrize(
    ("activation", "bias", "name"), [("tanh", 6.0, "saturated-units"), ("relu", -50.0, "dead-units")]
)
def test_find_counts_layers_and_not_gates(activation, bias, name):
    layer = tt.Recurrent(gate_of_two(activation), 3, 16, dtype="float64", seed=0)
    layer.params["bias_ih_l0"][16:] = bias
    assert "layer 0" in told(layer, name)
    assert "layer 1" not in told(layer, name)


def two_linear(lower, upper):
    layer = tt.Recurrent(linear(orthogonal()).cell, 3, 16, num_layers=2, bias=False, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...], layer.params["weight_hh_l1"][...] = lower, upper
    layer.params["weight_ih_l1"][...] = np.eye(16)
    return layer


def test_find_judges_the_top_layer_s_curve():
    flow = flow_of(two_linear(orthogonal(0.99), orthogonal(0.5)))
    assert flow.horizon() < 8 < 50 < flow.horizon(layer=0)
    (found,) = flow.findings
    assert found.name == "vanishing"
    assert "halves every 1 lag" in found.evidence
    # The other way round nothing is wrong.
    assert names(flow_of(two_linear(orthogonal(0.5), orthogonal(0.9)))) == []


@pytest.mark.parametrize(
    ("lower", "upper", "layer"),
    [(orthogonal(1.5), orthogonal(0.9), 0), (orthogonal(1.5), orthogonal(0.3), 0)],
)
def test_find_names_the_layer_in_which_a_gradient_grows(lower, upper, layer):
    """Below a layer through which the gradient fades it may grow all the same."""
    flow = flow_of(two_linear(lower, upper))
    assert flow.curve().relative.max() == 1
    assert "exploding" in names(flow)
    assert f"layer {layer} " in told(two_linear(lower, upper), "exploding")


def test_find_names_an_explosion_of_the_top_layer_once():
    assert names(flow_of(two_linear(orthogonal(0.9), orthogonal(1.5)))) == ["exploding"]


@pytest.mark.parametrize("a", [0.9, 0.95, 1.0])
def test_find_takes_no_growth_for_an_explosion_that_is_of_more_and_more_paths(a):
    """Under a layer that keeps a^l of the gradient a layer that does so has (l + 1) a^l: that is no explosion."""
    flow = flow_of(two_linear(orthogonal(a), orthogonal(a)))
    assert bool(flow.curve(layer=0).relative.max() > 10) is (a > 0.96)
    assert names(flow) == []


def test_find_takes_three_layers_that_keep_all_of_a_gradient_for_no_explosion():
    layer = tt.Recurrent(linear(orthogonal()).cell, 3, 16, num_layers=3, bias=False, dtype="float64", seed=0)
    for k in range(3):
        layer.params[f"weight_hh_l{k}"][...] = orthogonal()
        layer.params[f"weight_ih_l{max(k, 1)}"][...] = np.eye(16)
    flow = flow_of(layer)
    # Lag 100 is reached by 102 * 101 / 2 paths.
    assert flow.norms["h"][0, 100] / flow.norms["h"][0, 0] == pytest.approx(5151, rel=0.2)
    assert names(flow) == []


# ------------------------------------------------------------------ cells of one's own


@pytest.mark.parametrize("radius", [0.9, 1.0, 1.2])
def test_find_names_vanishing_in_a_linear_cell_whose_loss_asks_for_what_fades(radius):
    """One direction would last, but the loss lies in those of which 0.3 is left at each step."""
    weight = 0.3 * np.eye(16)
    weight[0, 0], weight[0, 1] = radius, 1.0
    layer = linear(weight)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((120, 4, 3)), rng.standard_normal((120, 4, 16))
    dy[:, :, 0] = 0
    flow = tt.gradient_flow(layer, x, dy)
    assert flow.conditions[0].bound >= 1
    assert flow.conditions[0].radius >= 0.9
    assert flow.horizon() == 3
    assert names(flow) == ["vanishing"]


def plain_tanh(name, kept=0.0):
    """h = tanh(a) + kept h_prev, with nothing said of `direct`."""

    def forward(a, state):
        h = tanh(a[0])
        return (h + type(h)(kept) * state[0],), (h,)

    def backward(dstate, held, state_prev, state):
        (dh,) = dstate
        return (dh * tanh_slope(held[0]),), (dh * type(dh)(kept),)

    return tt.Cell(name, forward, backward, gates=("h",), activations={"h": "tanh"})


def test_find_takes_a_cell_by_what_it_does_where_it_says_nothing_of_its_paths():
    layer = tt.Recurrent(plain_tanh("plain_of_findings"), 3, 16, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = orthogonal(0.3)
    assert layer.cell.direct
    assert names(flow_of(layer)) == ["vanishing"]
    layer.params["bias_ih_l0"][...] = 4.0
    assert names(flow_of(layer)) == ["saturated-units"]


def test_find_does_not_blame_a_cell_that_passes_something_on_by_itself():
    layer = tt.Recurrent(plain_tanh("leaky_of_findings", 0.3), 3, 16, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = orthogonal(0.3)
    flow = flow_of(layer)
    assert flow.horizon() < 25
    assert names(flow) == []
