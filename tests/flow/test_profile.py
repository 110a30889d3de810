"""The profile: against autograd, one output at a time; against closed forms; and against what it must not be."""

import math

import numpy as np
import pytest
from tests.cells.samples import linear, rich
from tests.conftest import require_torch

import throughtime as tt
from throughtime.machine.jit import equation

T, B, I, H = 9, 3, 2, 11


def rich_in_torch(ax, ah, state):
    """`tests.cells.samples.rich`, for rho = 0.6."""
    p, q = (ax[..., :H] + ah[..., :H]).sigmoid(), (ax[..., H:] + ah[..., H:] ** 2).tanh()
    m = 0.6 * state[1] + p * q
    return m.tanh() + 0.6 * state[0], m


def norms_by_autograd(layer, cell, x, dy, reset, lengths):
    """||dE_t/d(state at t - l)|| as (part, num_layers, l, t, b), by one backward pass for each t; NaN for no origin."""
    torch = require_torch()
    params = {name: torch.tensor(array) for name, array in layer.params.items()}
    layers, parts = range(layer.num_layers), range(len(layer.cell.states))

    def zeros():
        return torch.zeros(B, H, dtype=torch.float64, requires_grad=True)

    now = [tuple(zeros() for _ in parts) for _ in layers]
    states, outputs = [], []
    for t in range(T):
        y = torch.tensor(x[t])
        for k in layers:
            keep = torch.tensor(~reset[t])[:, None]
            entering = tuple(torch.where(keep, part, 0.0) for part in now[k])
            ax = y @ params[f"weight_ih_l{k}"].T + params[f"bias_ih_l{k}"]
            ah = entering[0] @ params[f"weight_hh_l{k}"].T + params[f"bias_hh_l{k}"]
            now[k] = cell(ax, ah, entering)
            y = now[k][0]
        states.append(list(now))
        outputs.append(y)
    found = np.full((len(parts), layer.num_layers, T, T, B), np.nan)
    for t in range(T):
        loss = (outputs[t] * torch.tensor(dy[t])).sum()
        for back in range(t + 1):
            wanted = [states[t - back][k][s] for s in parts for k in layers]
            grads = torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)
            norms = torch.stack(grads).norm(dim=2).reshape(len(parts), layer.num_layers, B).numpy()
            for b in range(B):
                if t < lengths[b] and not reset[t - back + 1 : t + 1, b].any():
                    found[:, :, back, t, b] = norms[:, :, b]
    return found


def make_layer(kind, num_layers, dtype="float64"):
    settings = {"num_layers": num_layers, "dtype": dtype, "seed": 1}
    match kind:
        case "lstm" | "gru":
            layer = {"lstm": tt.LSTM, "gru": tt.GRU}[kind](I, H, **settings)
        case "rich":
            layer = tt.Recurrent(rich, I, H, **settings)
        case _:
            layer = tt.RNN(I, H, nonlinearity=kind, **settings)
    for name, array in layer.params.items():
        if name.startswith("weight_hh"):
            array *= 1.5  # so that late lags are not all but 0
    return layer


def drawn(dtype=np.float64, seed=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((T, B, I)).astype(dtype), rng.standard_normal((T, B, H)).astype(dtype)


@pytest.mark.oracle
@pytest.mark.compiled
@pytest.mark.parametrize("masks", ["none", "resets", "lengths"])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["tanh", "relu", "sigmoid", "lstm", "gru", "rich"])
def test_profile_is_autograd_one_output_at_a_time(kind, num_layers, masks):
    require_torch()
    from tests.networks import autograd

    layer, (x, dy) = make_layer(kind, num_layers), drawn()
    reset, lengths = np.zeros((T, B), bool), np.full(B, T)
    if masks == "resets":
        reset = np.random.default_rng(3).random((T, B)) < 0.25
    elif masks == "lengths":
        lengths = np.array([T, 4, 1])
    cell = rich_in_torch if kind == "rich" else autograd.CELLS[kind]
    truth = norms_by_autograd(layer, cell, x, dy, reset, lengths)
    flow = tt.gradient_flow(layer, x, dy, reset=reset, lengths=lengths)

    there = ~np.isnan(truth[0, 0]).reshape(T, -1)
    assert flow.origins.tolist() == there.sum(axis=1).tolist()
    assert tuple(flow.norms) == layer.cell.states
    for s, part in enumerate(flow.norms):
        for k in range(num_layers):
            for back in np.flatnonzero(there.any(axis=1)):
                norms = truth[s, k, back].ravel()[there[back]]
                assert flow.norms[part][k, back] == pytest.approx(norms.mean(), rel=1e-10)
                np.testing.assert_allclose(
                    flow.percentiles[part][:, k, back], np.percentile(norms, [10, 50, 90]), rtol=1e-10
                )


@pytest.mark.oracle
@pytest.mark.compiled
def test_hook_on_the_output_and_the_summed_adjoint_are_other_curves():
    """What one would try first. The truth is the profile; neither comes near it beyond lag 0."""
    torch = require_torch()
    layer, (x, dy) = make_layer("tanh", 1), drawn()
    truth = tt.gradient_flow(layer, x, dy, origins=[T - 1]).norms["h"][0]

    module = torch.nn.RNN(I, H).double()
    module.load_state_dict({name: torch.tensor(array) for name, array in layer.params.items()})
    y, _ = module(torch.tensor(x))
    y.retain_grad()
    (y[T - 1] * torch.tensor(dy[T - 1])).sum().backward()
    hooked = y.grad.norm(dim=2).mean(dim=1).numpy()[::-1]
    assert hooked[0] == pytest.approx(truth[0], rel=1e-12)
    assert (hooked[1:] == 0).all()
    assert (truth[1:] > 1e-3).all()

    # The running dh of one reverse sweep over all losses: at each step a sum over all later ones.
    every = tt.gradient_flow(layer, x, dy).norms["h"][0]
    summed = np.zeros(T)
    for t in range(T):
        part = layer.forward(x[: t + 1])
        rest = layer.forward(x[t + 1 :], part[1])[2] if t + 1 < T else None
        later = layer.backward(rest, dy[t + 1 :])[2] if rest is not None else np.zeros((1, B, H))
        summed[T - 1 - t] = np.linalg.norm(later[0] + dy[t], axis=1).mean()
    assert summed[0] == pytest.approx(np.linalg.norm(dy[-1], axis=1).mean())
    assert summed[-1] > 5 * every[-1]  # it shows no vanishing where there is


# ------------------------------------------------------------------ closed forms


def scaled_rotation(a, size=4, layers=1, cell=linear, dtype="float64"):
    """A linear layer whose W is a times an orthogonal matrix, and W_ih of the layers above the identity."""
    layer = tt.Recurrent(cell, size, size, num_layers=layers, bias=False, dtype=dtype, seed=0)
    for k in range(layers):
        q, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((size, size)))
        layer.params[f"weight_hh_l{k}"][...] = a * q
        layer.params[f"weight_ih_l{k}"][...] = np.eye(size)
    return layer


@pytest.mark.kernels
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_linear_cell_falls_as_a_power_and_lower_layers_as_binomials(layers):
    a, steps = 0.8, 12
    layer = scaled_rotation(a, layers=layers)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((steps, 2, 4)), rng.standard_normal((steps, 2, 4))
    flow = tt.gradient_flow(layer, x, dy, max_lag=5, origins=4)
    lags = flow.lags
    for k in range(layers):
        n = layers - 1 - k  # layers above
        exact = np.array([math.comb(int(l) + n, n) for l in lags]) * a**lags
        np.testing.assert_allclose(flow.norms["h"][k] / flow.norms["h"][-1, 0], exact, rtol=1e-12)
    assert flow.half_life == pytest.approx(math.log(2) / -math.log(a))


@pytest.mark.kernels
def test_identity_relu_with_positive_preactivations_keeps_phi_constant():
    layer = tt.RNN(3, 3, nonlinearity="relu", bias=False, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = np.eye(3)
    layer.params["weight_ih_l0"][...] = np.eye(3)
    x = np.random.default_rng(0).uniform(0.1, 1, (10, 2, 3))
    flow = tt.gradient_flow(layer, x, np.ones_like(x), max_lag=6, origins=3)
    np.testing.assert_allclose(flow.norms["h"][0], np.sqrt(3), rtol=1e-14)
    assert flow.half_life == math.inf
    assert flow.horizon().censored


@pytest.mark.kernels
@pytest.mark.parametrize(("bias", "half_life"), [(0, 1.00), (1, 2.21), (2, 5.46), (3, 14.27), (5, 103.2)])
def test_lstm_without_recurrent_weights_keeps_c_by_its_forget_gate(bias, half_life):
    layer = tt.LSTM(2, 3, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = 0
    layer.params["weight_ih_l0"][3:6] = 0  # the forget gate sees its bias alone
    layer.params["bias_hh_l0"][3:6], layer.params["bias_ih_l0"][3:6] = 0, bias
    x = np.random.default_rng(0).standard_normal((30, 2, 2))
    flow = tt.gradient_flow(layer, x, np.ones((30, 2, 3)), max_lag=20, origins=2)
    phi = flow.norms["c"][0]
    np.testing.assert_allclose(phi / phi[0], (1 / (1 + math.exp(-bias))) ** flow.lags, rtol=1e-12)
    assert flow.curve("c").half_life == pytest.approx(half_life, rel=5e-3)
    assert (flow.norms["h"][0, 1:] == 0).all()
    assert flow.half_life == 0


@pytest.mark.kernels
def test_gru_without_recurrent_weights_carries_by_z():
    layer = tt.GRU(2, 3, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = layer.params["bias_hh_l0"][...] = 0
    layer.params["weight_ih_l0"][3:6], layer.params["bias_ih_l0"][3:6] = 0, 1.5
    x = np.random.default_rng(0).standard_normal((14, 2, 2))
    flow = tt.gradient_flow(layer, x, np.ones((14, 2, 3)), max_lag=9, origins=2)
    phi = flow.norms["h"][0]
    np.testing.assert_allclose(phi / phi[0], (1 / (1 + math.exp(-1.5))) ** flow.lags, rtol=1e-12)


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a", [1e-3, 1e3])
def test_profile_is_right_from_1e_minus_300_to_1e300(a, dtype):
    steps = 101
    layer = scaled_rotation(a, size=3, layers=2, dtype=dtype)
    x = np.zeros((steps, 1, 3), dtype)
    dy = np.zeros_like(x)
    dy[-1] = 1
    flow = tt.gradient_flow(layer, x, dy, max_lag=100)
    exact = np.sqrt(3) * np.array([float(a) ** l for l in range(99)])
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(flow.norms["h"][1, :99], exact, rtol=tolerance)
    np.testing.assert_allclose(flow.norms["h"][0, :99], exact * np.arange(1, 100), rtol=tolerance)
    assert flow.percentiles["h"][1, 1, 98] == pytest.approx(exact[98], rel=tolerance)


@pytest.mark.kernels
def test_gradient_of_the_last_state_is_that_of_each_sequence_s_own_last_step():
    steps, lengths = 7, np.array([7, 3])
    layer = scaled_rotation(0.8, layers=2)
    rng = np.random.default_rng(0)
    x, dy, last = rng.standard_normal((steps, 2, 4)), np.zeros((steps, 2, 4)), rng.standard_normal((2, 4))
    dy[lengths - 1, [0, 1]] = last
    expected = tt.gradient_flow(layer, x, dy, lengths=lengths)
    found = tt.gradient_flow(layer, x, 0 * dy, lengths=lengths, dstate=np.stack([0 * last, last]))
    assert found.record() == expected.record()
    # To the lower layer's alone nothing is above; to both of them it adds up.
    below = tt.gradient_flow(layer, x, 0 * dy, lengths=lengths, dstate=np.stack([last, 0 * last]))
    size = np.linalg.norm(last, axis=1)
    np.testing.assert_allclose(below.norms["h"][0, :3], size.mean() * 0.8 ** np.arange(3), rtol=1e-12)
    assert (below.norms["h"][1] == 0).all()
    twice = tt.gradient_flow(layer, x, dy, lengths=lengths, dstate=np.stack([0 * last, last]))
    np.testing.assert_allclose(twice.norms["h"], 2 * expected.norms["h"], rtol=1e-14)


@pytest.mark.kernels
def test_gradient_of_the_last_cell_state_goes_by_the_forget_gate(tmp_path):
    layer = at_rest("lstm", f=1.0)
    dc = np.ones((1, 1, 2))
    zeros = np.zeros((9, 1, 2))
    flow = tt.gradient_flow(layer, zeros, zeros, dstate=(0 * dc, dc))
    np.testing.assert_allclose(flow.norms["c"][0], np.sqrt(2) * sigmoid(1.0) ** flow.lags, rtol=1e-12)
    assert (flow.norms["h"] == 0).all()
    assert flow.findings == []
    flow.to_html(tmp_path / "flow.html")
    for said in (flow._repr_html_(), (tmp_path / "flow.html").read_text()):
        assert "it reads another part of the state, or another layer" in said
    assert flow.curve("c").half_life == pytest.approx(math.log(2) / -math.log(sigmoid(1.0)))


@pytest.mark.kernels
def test_lower_layer_that_is_given_nothing_does_not_hold_down_what_comes_from_above():
    layer = scaled_rotation(1.0, size=2, layers=2, dtype="float32")
    layer.params["weight_ih_l1"][...] = 1e-6 * np.eye(2)
    zeros, last = np.zeros((4, 1, 2), np.float32), np.zeros((2, 1, 2), np.float32)
    last[1] = 1e-37
    flow = tt.gradient_flow(layer, zeros, zeros, dstate=last)
    np.testing.assert_allclose(flow.norms["h"][0], np.sqrt(2) * 1e-43 * (flow.lags + 1), rtol=1e-5)


def test_gradient_of_the_last_state_is_for_layers_alone():
    model = tt.SequenceModel(1, 3, 1, cell="gru", seed=0)
    x = np.zeros((4, 2, 1), np.float32)
    with pytest.raises(
        tt.ArgumentError, match=r"dstate found with a SequenceModel; expected it with a layer"
    ):
        tt.gradient_flow(model, x, x, dstate=np.zeros((1, 2, 3), np.float32))


@pytest.mark.kernels
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_gradients_whose_squares_no_float32_holds_are_measured(scale):
    layer = scaled_rotation(0.5, size=3, dtype="float32")
    dy = np.full((6, 1, 3), scale, np.float32)
    flow = tt.gradient_flow(layer, np.zeros_like(dy), dy, max_lag=3, origins=2)
    np.testing.assert_allclose(flow.norms["h"][0], scale * np.sqrt(3) * 0.5**flow.lags, rtol=1e-6)


@pytest.mark.kernels
def test_a_layer_far_above_or_below_another_keeps_its_own_scale():
    """The top layer forgets by 1e-4 a step, the lower one not at all: its rows must not lose the top layer's."""
    layer = scaled_rotation(1.0, size=2, layers=2, dtype="float32")
    layer.params["weight_hh_l1"][...] = 1e-4 * np.eye(2)
    dy = np.zeros((31, 1, 2), np.float32)
    dy[-1, 0, 0] = 1
    flow = tt.gradient_flow(layer, np.zeros_like(dy), dy, max_lag=30)
    np.testing.assert_allclose(flow.norms["h"][1], 1e-4 ** flow.lags.astype(float), rtol=1e-4)
    np.testing.assert_allclose(flow.norms["h"][0], 1, rtol=1e-3)


def sigmoid(a):
    return 1 / (1 + np.exp(-float(a)))


def at_rest(kind, num_layers=1, size=2, dtype="float64", **biases):
    """A layer of LSTM or GRU whose weights are 0, and its gates' biases these: with inputs of 0 its states stay 0.

    There tanh has slope 1 and the gates are constant, so that gradients have closed forms.
    """
    layer = {"lstm": tt.LSTM, "gru": tt.GRU}[kind](size, size, num_layers=num_layers, dtype=dtype, seed=0)
    for array in layer.params.values():
        array[...] = 0
    for k in range(num_layers):
        for gate, bias in biases.items():
            first = layer.cell.gates.index(gate) * size
            layer.params[f"bias_ih_l{k}"][first : first + size] = bias if np.isscalar(bias) else bias[k]
    return layer


def candidate(layer, name):
    """The rows of a weight that belong to the candidate, g or n."""
    size = layer.hidden_size
    first = layer.cell.gates.index("g" if layer.cell.name == "lstm" else "n") * size
    return layer.params[name][first : first + size]


def from_the_last_step(layer, steps, dy=1.0):
    """Over inputs of 0, the loss of the last step alone."""
    zeros = np.zeros((steps, 1, layer.hidden_size), layer.dtype)
    given = zeros.copy()
    given[-1] = dy
    return tt.gradient_flow(layer, zeros, given, max_lag=steps - 1)


def openings(layer, **biases):
    """How far gates are open: of a small one float32's sigmoid has too few digits for a hundred products."""
    _, _, trace = layer.forward(np.zeros((1, 1, layer.hidden_size), layer.dtype))
    found = []
    for gate, bias in biases.items():
        found.append(float(trace.layers[0].kept[0, 0, layer.cell.gates.index(gate), 0]))
        assert found[-1] == pytest.approx(sigmoid(bias), abs=1e-6 if layer.dtype == np.float32 else 1e-15)
    return found


# Products of a hundred rounded factors.
TOLERANCES = {"float32": 3e-5, "float64": 1e-12}


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [1e-3, 1e3])
def test_lstm_is_right_from_1e_minus_300_to_1e300(rate, dtype):
    """dc_k = f dc_{k+1} + o dh_k and dh_k = w i dc_{k+1}: both go as rate^l, with rate = f + o w i."""
    biases = {"i": 0.3, "f": -7.6, "o": 0.2}
    layer = at_rest("lstm", dtype=dtype, **biases)
    i, f, o = map(sigmoid, biases.values())
    candidate(layer, "weight_hh_l0")[...] = (rate - f) / (o * i) * np.eye(2)
    flow = from_the_last_step(layer, 101)
    i, f, o = openings(layer, **biases)
    w = float(candidate(layer, "weight_hh_l0")[0, 0])
    powers = np.array([(f + o * w * i) ** l for l in range(101)])
    assert powers[-1] == pytest.approx(rate**100, rel=0.01)
    np.testing.assert_allclose(flow.norms["c"][0], np.sqrt(2) * o * powers, rtol=TOLERANCES[dtype])
    exact = np.sqrt(2) * np.append(1, w * i * o * powers[:-1])
    np.testing.assert_allclose(flow.norms["h"][0], exact, rtol=TOLERANCES[dtype])


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [1e-3, 1e3])
def test_gru_is_right_from_1e_minus_300_to_1e300(rate, dtype):
    """dh_k = (z + w r (1 - z)) dh_{k+1}."""
    biases = {"r": 0.3, "z": -7.6}
    layer = at_rest("gru", dtype=dtype, **biases)
    r, z = map(sigmoid, biases.values())
    candidate(layer, "weight_hh_l0")[...] = (rate - z) / (r * (1 - z)) * np.eye(2)
    flow = from_the_last_step(layer, 101)
    r, z = openings(layer, **biases)
    w = float(candidate(layer, "weight_hh_l0")[0, 0])
    powers = np.array([(z + w * r * (1 - z)) ** l for l in range(101)])
    assert powers[-1] == pytest.approx(rate**100, rel=0.01)
    np.testing.assert_allclose(flow.norms["h"][0], np.sqrt(2) * powers, rtol=TOLERANCES[dtype])


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "gate", "part"), [("gru", "z", "h"), ("lstm", "f", "c")])
def test_gates_alone_carry_down_to_1e_minus_300(kind, gate, part, dtype):
    """Without recurrent weights all of the gradient is on the path beside them."""
    layer = at_rest(kind, dtype=dtype, **{gate: -6.9068})
    flow = from_the_last_step(layer, 101)
    (kept,) = openings(layer, **{gate: -6.9068})
    exact = np.array([kept**l for l in range(101)])
    assert 1e-301 < exact[-1] < 1e-299
    phi = flow.norms[part][0]
    np.testing.assert_allclose(phi / phi[0], exact, rtol=TOLERANCES[dtype])


@pytest.mark.kernels
def test_gru_that_lets_little_through_to_the_layer_below_adds_it_at_the_right_scale():
    """The lower layer's rows are 3e-7 of the upper's: D_l = z D_{l-1} + (1 - Z) Z^l, of which D has its own scale."""
    layer = at_rest("gru", num_layers=2, z=(0.5, 15.0))
    candidate(layer, "weight_ih_l1")[...] = np.eye(2)
    flow = from_the_last_step(layer, 12)
    z, Z = sigmoid(0.5), sigmoid(15.0)
    lower = [(1 - Z) * sum(Z**j * z ** (l - j) for j in range(l + 1)) for l in range(12)]
    np.testing.assert_allclose(flow.norms["h"][1], np.sqrt(2) * Z**flow.lags, rtol=1e-12)
    # 1 - Z has lost seven of its digits.
    np.testing.assert_allclose(flow.norms["h"][0], np.sqrt(2) * np.array(lower), rtol=1e-8)


@pytest.mark.kernels
def test_lstm_that_lets_little_through_to_the_layer_below_adds_it_at_the_right_scale():
    """The same by a shut input gate: dh_l = I F^l O, dc_l = f dc_{l-1} + o dh_l."""
    layer = at_rest("lstm", num_layers=2, i=(0.0, -16.0), f=(0.7, 1.5), o=(0.4, 0.1))
    candidate(layer, "weight_ih_l1")[...] = np.eye(2)
    flow = from_the_last_step(layer, 12)
    f, o = sigmoid(0.7), sigmoid(0.4)
    arrived = sigmoid(-16.0) * sigmoid(0.1) * sigmoid(1.5) ** flow.lags
    exact = np.zeros(12)
    for l in flow.lags:
        exact[l] = (f * exact[l - 1] if l else 0.0) + o * arrived[l]
    # Of a gate that is shut to 1e-7 nine digits are right.
    np.testing.assert_allclose(flow.norms["h"][0], np.sqrt(2) * arrived, rtol=1e-9)
    np.testing.assert_allclose(flow.norms["c"][0], np.sqrt(2) * exact, rtol=1e-9)


@pytest.mark.kernels
def test_a_layer_that_nothing_has_reached_takes_what_comes_at_its_own_scale():
    """The upper layer hands a gradient on from unit to unit, 1e-20 of it a step; its last unit alone reads the lower."""
    layer = tt.Recurrent(linear, 4, 4, num_layers=2, bias=False, dtype="float32", seed=0)
    for array in layer.params.values():
        array[...] = 0
    layer.params["weight_hh_l0"][...] = np.eye(4)
    for unit in range(3):
        layer.params["weight_hh_l1"][unit, unit + 1] = 1e-20
    layer.params["weight_ih_l1"][3, 3] = 1
    flow = from_the_last_step(layer, 7, dy=(1, 0, 0, 0))
    np.testing.assert_allclose(flow.norms["h"][1], [1, 1e-20, 1e-40, 1e-60, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(flow.norms["h"][0], [0, 0, 0, 1e-60, 1e-60, 1e-60, 1e-60], rtol=1e-6)


@equation
def total_of_growing(dstate, kept, state_prev, state):
    dh, dm = dstate
    return dh, dm + dh


@pytest.mark.kernels
def test_another_part_of_the_state_may_outgrow_h():
    """h = h_prev + m, m = 1000 m_prev + a, and no weights: dh stays as it is, dm_l = 1 + 1000 + ... + 1000^l."""

    def forward(a, state):
        h_prev, m_prev = state
        m = m_prev * type(m_prev)(1000) + a[0]
        return (h_prev + m, m), (a[0],)

    def backward(dstate, kept, state_prev, state):
        dh, dm = total_of_growing(dstate, kept, state_prev, state)
        return (dm,), (dh, dm * type(dm)(1000))

    cell = tt.Cell("growing", forward, backward, gates=("a",), states=("h", "m"), total=total_of_growing)
    layer = tt.Recurrent(cell, 1, 2, dtype="float32", seed=0)
    for array in layer.params.values():
        array[...] = 0
    zeros = np.zeros((31, 1, 1), np.float32)
    dy = np.zeros((31, 1, 2), np.float32)
    dy[-1] = 1
    flow = tt.gradient_flow(layer, zeros, dy, max_lag=30)
    exact = np.cumsum(1000.0**flow.lags)
    np.testing.assert_allclose(flow.norms["m"][0], np.sqrt(2) * exact, rtol=1e-5)
    # Beside it float32 holds a number of 1e-18, and its square.
    np.testing.assert_allclose(flow.norms["h"][0, :6], np.sqrt(2), rtol=1e-5)


@pytest.mark.kernels
@pytest.mark.parametrize("num_layers", [2, 3])
@pytest.mark.parametrize("scale", [2e-38, 1e-36, 1e-30, 1e30, 2e38])
def test_scale_of_the_loss_is_the_scale_of_the_profile_of_every_layer(scale, num_layers):
    """Also near the ends of float32, where the rows are brought into range at once."""
    layer = tt.LSTM(2, 3, num_layers=num_layers, dtype="float32", seed=1)
    for name, array in layer.params.items():
        if "weight" in name:
            array *= 1.5
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 2, 2)).astype(np.float32)
    dy = (rng.choice([-1, 1], (5, 2, 3)) * rng.uniform(0.75, 1, (5, 2, 3))).astype(np.float32)
    usual = tt.gradient_flow(layer, x, dy)
    scaled = tt.gradient_flow(layer, x, dy * np.float32(scale))
    for part in ("h", "c"):
        assert (usual.norms[part] > 0).all()
        np.testing.assert_allclose(scaled.norms[part] / scale, usual.norms[part], rtol=1e-5)


@pytest.mark.kernels
def test_mean_of_norms_whose_sum_no_float_holds():
    layer = scaled_rotation(1.0, size=1)
    layer.params["weight_hh_l0"][...] = 1
    dy = np.array([1.5e308, 0.5e308, 1.0e308, 1.7e308]).reshape(4, 1, 1)
    flow = tt.gradient_flow(layer, np.zeros_like(dy), dy)
    exact = [np.mean(dy[lag:] / 1e10) * 1e10 for lag in range(4)]
    np.testing.assert_allclose(flow.norms["h"][0], exact, rtol=1e-14)


@pytest.mark.kernels
def test_percentiles_where_some_norms_are_beyond_all_floats_are_numbers():
    layer = scaled_rotation(1.0, size=1)
    layer.params["weight_hh_l0"][...] = 10
    dy = np.array([0, 3.0, 1e308, 1.0, 2.0, 1e308]).reshape(6, 1, 1)
    flow = tt.gradient_flow(layer, np.zeros_like(dy), dy, max_lag=1)
    assert flow.norms["h"][0].tolist() == [pytest.approx(4e307), np.inf]
    # Of 10, 20, 30 and two of 1e309.
    assert flow.percentiles["h"][:, 0, 1].tolist() == [pytest.approx(14), pytest.approx(30), np.inf]
    every = tt.gradient_flow(layer, np.zeros_like(dy), np.full_like(dy, 1e308), max_lag=1)
    assert every.percentiles["h"][:, 0, 1].tolist() == [np.inf] * 3


# ------------------------------------------------------------------ which losses, which lags


@pytest.mark.kernels
def test_underflow_is_the_share_that_a_normal_number_cannot_hold():
    """0.1^l against 2^-126 = 1.18e-38; the second unit's gradient is a hundredth of the first's."""
    layer = tt.Recurrent(linear, 2, 2, bias=False, dtype="float32", seed=0)
    layer.params["weight_hh_l0"][...] = 0.1 * np.eye(2)
    dy = np.zeros((46, 1, 2), np.float32)
    dy[-1] = 1.5, 0.015
    flow = tt.gradient_flow(layer, np.zeros_like(dy), dy, max_lag=45)
    smallest = float(np.finfo(np.float32).tiny)
    exact = [np.mean([first * 0.1 ** int(l) < smallest for first in (1.5, 0.015)]) for l in flow.lags]
    assert flow.underflow[0].tolist() == exact
    assert set(exact) == {0, 0.5, 1}
    # A sequence behind a reset has no part in it.
    two, reset = np.repeat(dy, 2, axis=1), np.zeros((46, 2), bool)
    reset[-1, 1] = True
    flow = tt.gradient_flow(layer, np.zeros_like(two), two, max_lag=45, reset=reset)
    assert flow.origins.tolist() == [2] + [1] * 45
    assert flow.underflow[0].tolist() == exact


@pytest.mark.kernels
def test_origins_are_the_steps_asked_for():
    layer, (x, dy) = make_layer("tanh", 1), drawn()
    every = tt.gradient_flow(layer, x, dy, max_lag=3)
    assert every.origins.tolist() == [B * (T - l) for l in range(4)]
    assert tt.gradient_flow(layer, x, dy, max_lag=3, origins=4).origins.tolist() == [4 * B] * 4
    assert tt.gradient_flow(layer, x, dy, max_lag=3, origins=np.array([1, 5])).origins.tolist() == [
        6,
        6,
        3,
        3,
    ]
    mask = np.zeros((T, B), bool)
    mask[5, 1] = mask[2, 2] = True
    some = tt.gradient_flow(layer, x, dy, max_lag=3, origins=mask)
    assert some.origins.tolist() == [2, 2, 2, 1]
    assert some.norms["h"][0, 0] == pytest.approx((np.linalg.norm(dy[5, 1]) + np.linalg.norm(dy[2, 2])) / 2)
    dy[3:] = 0
    assert tt.gradient_flow(layer, x, dy).origins.tolist()[:4] == [3 * B, 2 * B, B, 0]


@pytest.mark.kernels
@pytest.mark.parametrize(
    ("steps", "max_lag", "last", "each"),
    [
        (80, None, 72, 8),  # so many lags as leave room for eight steps
        (109, None, 100, 8),
        (5, None, 2, 3),  # too few steps for all of them: half is left to the lags
        (80, 79, 79, 1),  # asked for
    ],
)
def test_number_of_origins_finds_so_many_steps(steps, max_lag, last, each):
    layer = scaled_rotation(0.9, size=1)
    x = np.ones((steps, 2, 1))
    flow = tt.gradient_flow(layer, x, x, max_lag, origins=8)
    assert flow.origins.tolist() == [2 * each] * (last + 1)


@pytest.mark.kernels
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_targets_that_are_ignored_have_no_loss_and_no_origin(cell):
    model = tt.LanguageModel(7, 5, cell, dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, 7, (8, 3))
    targets = ids[::-1].copy()
    targets[:6, 1] = -100
    flow = tt.gradient_flow(model, ids, targets)
    assert flow.origins[0] == 8 * 3 - 6
    alone = np.full_like(targets, -100)
    alone[5, 2] = targets[5, 2]
    one = tt.gradient_flow(model, ids, alone)
    # The state that entered step 4: dE/dh there is what `bptt` finds for an initial state.
    _, state = model.forward(ids[:4])
    exact = np.linalg.norm(initial_gradient(model, ids[4:], alone[4:], state))
    assert one.norms["h"][0, 2] == pytest.approx(exact, rel=1e-8)


def initial_gradient(model, ids, targets, state):
    """dE/dh of the given state, by central differences."""
    parts = [part.copy() for part in (state if isinstance(state, tuple) else (state,))]
    gradient = np.zeros(parts[0].shape)
    for place in np.ndindex(gradient.shape):
        losses = []
        for sign in (1, -1):
            parts[0][place] += sign * 1e-5
            given = tuple(parts) if len(parts) > 1 else parts[0]
            losses.append(tt.bptt(model, ids, targets, given, reduction="sum").loss)
            parts[0][place] -= sign * 1e-5
        gradient[place] = (losses[0] - losses[1]) / 2e-5
    return gradient
