"""Omega beside its definition: by central differences with states and deltas held constant, and by PyTorch."""

import numpy as np
import pytest

import throughtime as tt
from throughtime.cells import Cell, gru, lstm, rnn_tanh, sigmoid, sigmoid_slope, tanh, tanh_slope
from throughtime.errors import ArgumentError
from throughtime.machine.workspace import Workspace
from throughtime.networks.omega import check_omega, decayed, find_terms
from throughtime.truncation import Chunk, Full, Truncation, Window, passes

I, H, O, T, B = 3, 6, 2, 9, 4
SLOPES = {"tanh": lambda h: 1 - h * h, "relu": lambda h: (h > 0) * 1.0, "sigmoid": lambda h: h * (1 - h)}
FUNCTIONS = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "sigmoid": lambda a: 1 / (1 + np.exp(-a))}


def make_model(nonlinearity="tanh", num_layers=1, dtype="float64", **settings):
    return tt.SequenceModel(
        I, H, O, "rnn", nonlinearity=nonlinearity, num_layers=num_layers, dtype=dtype, seed=0, **settings
    )


def make_data(dtype="float64", steps=T):
    rng = np.random.default_rng(1)
    return rng.standard_normal((steps, B, I)).astype(dtype), rng.random((steps, B, O)).astype(dtype)


def some_resets():
    reset = np.zeros((T, B), bool)
    reset[0, 1] = reset[4, 1] = reset[6, 1] = reset[3, 2] = True
    return reset


def frozen(model, nonlinearity, x, targets, segments=((0, 0, T),), reset=None, lengths=None, at="every"):
    """For each layer its terms' constants: pairs of delta_t and delta_t diag(f'), a pair for each step and sequence."""
    steps, p = len(x), model.params
    reset = np.zeros((steps, B), bool) if reset is None else reset
    lengths = np.full(B, steps) if lengths is None else lengths
    layers = range(model.layers.num_layers)
    pairs = [[] for _ in layers]
    for b in range(B):
        states = []
        below = x[:, b]
        for k in layers:
            h, hs = np.zeros(H), []
            for t in range(steps):
                h = np.zeros(H) if reset[t, b] else h
                a = p[f"rnn.weight_ih_l{k}"] @ below[t] + p[f"rnn.weight_hh_l{k}"] @ h
                h = FUNCTIONS[nonlinearity](a + p[f"rnn.bias_ih_l{k}"] + p[f"rnn.bias_hh_l{k}"])
                hs.append(h)
            below = np.array(hs)
            states.append(below)
        errors = 2 * (below @ p["readout.weight"].T + p["readout.bias"] - targets[:, b])
        for start, scored, stop in segments:
            dy = np.zeros((steps, H))
            for t in range(scored, min(stop, lengths[b])):
                dy[t] = errors[t] @ p["readout.weight"]
            for k in reversed(layers):
                carried, dbelow = np.zeros(H), np.zeros((steps, len(p[f"rnn.weight_ih_l{k}"].T)))
                for t in reversed(range(start, min(stop, lengths[b]))):
                    delta = dy[t] + carried
                    u = delta * SLOPES[nonlinearity](states[k][t])
                    dbelow[t] = u @ p[f"rnn.weight_ih_l{k}"]
                    carried = u @ p[f"rnn.weight_hh_l{k}"]
                    if t == start or reset[t, b]:
                        carried = np.zeros(H)
                    elif np.linalg.norm(delta) > 0:
                        pairs[k].append((delta, u))
                dy = dbelow
    return pairs


def omega_of(pairs, weight):
    """Omega of one layer, as written."""
    terms = [(np.linalg.norm(u @ weight) / np.linalg.norm(delta) - 1) ** 2 for delta, u in pairs]
    return sum(terms) / len(terms)


def numeric_gradient(pairs, weight, step=1e-6):
    found = np.zeros_like(weight)
    for place in np.ndindex(*weight.shape):
        above, below = weight.copy(), weight.copy()
        above[place] += step
        below[place] -= step
        found[place] = (omega_of(pairs, above) - omega_of(pairs, below)) / (2 * step)
    return found


CASES = {
    "plain": {},
    "resets": {"reset": some_resets()},
    "lengths": {"lengths": np.array([9, 1, 5, 2])},
    "chunks": {"truncation": Chunk(4)},
    "chunks that look back": {"truncation": Chunk(2, 5)},
    "chunks, resets and lengths": {
        "truncation": Chunk(3),
        "reset": some_resets(),
        "lengths": np.array([9, 7, 5, 2]),
    },
}


@pytest.mark.parametrize("nonlinearity", FUNCTIONS)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_omega_and_its_gradient_equal_the_definition(nonlinearity, num_layers, case):
    model, (x, targets) = make_model(nonlinearity, num_layers), make_data()
    masks = {name: value for name, value in CASES[case].items() if name != "truncation"}
    truncation: Truncation = CASES[case].get("truncation", Full())
    segments = [segment for each in passes(truncation.segments(T)) for segment in each]
    pairs = frozen(model, nonlinearity, x, targets, segments, **masks)

    without = tt.bptt(model, x, targets, truncation=truncation, **masks)
    r = tt.bptt(model, x, targets, truncation=truncation, omega=0.5, **masks)
    assert without.omega is None
    assert r.loss == without.loss
    expected = 0.0
    for name, gradient in r.grads.items():
        if "weight_hh" not in name:
            np.testing.assert_array_equal(gradient, without.grads[name])
            continue
        k, weight = int(name[-1]), model.params[name]
        expected += omega_of(pairs[k], weight)
        numeric = numeric_gradient(pairs[k], weight)
        error = np.abs((gradient - without.grads[name]) / 0.5 - numeric).max()
        assert error <= 1e-8 * np.abs(numeric).max()
    assert r.omega == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("at", ["every", "last"])
def test_omega_and_its_gradient_equal_pytorch(torch, at):
    model, (x, targets) = make_model(at=at), make_data()
    targets = targets if at == "every" else targets[-1]
    tensors = {name: torch.tensor(p).requires_grad_() for name, p in model.params.items()}
    hs = [torch.zeros(B, H, dtype=torch.float64)]
    for step in torch.tensor(x):
        a = step @ tensors["rnn.weight_ih_l0"].T + tensors["rnn.bias_ih_l0"] + tensors["rnn.bias_hh_l0"]
        hs.append(torch.tanh(a + hs[-1] @ tensors["rnn.weight_hh_l0"].T))
    outputs = torch.stack(hs[1:]) @ tensors["readout.weight"].T + tensors["readout.bias"]
    loss = ((outputs if at == "every" else outputs[-1]) - torch.tensor(targets)).square().mean()
    deltas = torch.autograd.grad(loss, hs[1:], retain_graph=True)
    terms = []
    for h, delta in zip(hs[2:], deltas[1:], strict=True):
        back = (delta.detach() * (1 - h.detach() ** 2)) @ tensors["rnn.weight_hh_l0"]
        terms.append((back.norm(dim=1) / delta.detach().norm(dim=1) - 1) ** 2)
    omega = torch.stack(terms).mean()
    (loss + 4 * omega).backward()
    r = tt.bptt(model, x, targets, omega=4.0)
    assert r.omega == pytest.approx(omega.item(), rel=1e-12)
    assert r.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, gradient in r.grads.items():
        expected = tensors[name].grad.numpy()
        assert np.abs(gradient - expected).max() <= 1e-12 * np.abs(expected).max(), name


def _forward_gated(a, state, rho):
    a_p, ax_q, ah_q = a
    p, q = sigmoid(a_p), tanh(ax_q + rho * ah_q)
    return (p * q,), (p, q, ah_q)


def _backward_gated(dstate, kept, state_prev, state, rho):
    (dh,), (p, q, ah_q) = dstate, kept
    dax_q = dh * p * tanh_slope(q)
    return (dh * q * sigmoid_slope(p), dax_q, dax_q * rho), (type(dh)(0),), dax_q * ah_q


# Two gates, halves apart and a parameter: all but a second path back in time.
gated = Cell(
    "gated", _forward_gated, _backward_gated, ("p", "q"), apart=1, parameters={"rho": 0.7}, direct=False
)


def test_omega_of_a_cell_of_ones_own_equals_pytorch(torch):
    tt.check_cell(gated)
    model, (x, targets) = tt.SequenceModel(I, H, O, gated, dtype="float64", seed=0), make_data()
    tensors = {name: torch.tensor(p).requires_grad_() for name, p in model.params.items()}
    w_ih, w_hh, b_ih, b_hh, rho = (
        tensors[f"rnn.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "rho")
    )
    hs, halves = [torch.zeros(B, H, dtype=torch.float64)], []
    for step in torch.tensor(x):
        ax, ah = step @ w_ih.T + b_ih, hs[-1] @ w_hh.T + b_hh
        p, q = torch.sigmoid((ax + ah)[:, :H]), torch.tanh(ax[:, H:] + rho * ah[:, H:])
        halves.append(ah)
        hs.append(p * q)
    outputs = torch.stack(hs[1:]) @ tensors["readout.weight"].T + tensors["readout.bias"]
    loss = (outputs - torch.tensor(targets)).square().mean()
    found = torch.autograd.grad(loss, [*hs[1:], *halves], retain_graph=True)
    deltas, of_halves = found[1:T], found[T + 1 :]
    backs = [of_half @ w_hh for of_half in of_halves]
    omega = torch.stack(
        [(back.norm(dim=1) / delta.norm(dim=1) - 1) ** 2 for back, delta in zip(backs, deltas, strict=True)]
    ).mean()
    (loss + 4 * omega).backward()
    r = tt.bptt(model, x, targets, omega=4.0)
    assert r.omega == pytest.approx(omega.item(), rel=1e-12)
    for name, gradient in r.grads.items():
        expected = tensors[name].grad.numpy()
        assert np.abs(gradient - expected).max() <= 1e-12 * np.abs(expected).max(), name


def test_an_orthogonal_weight_of_a_linear_network_has_no_omega():
    model, (x, targets) = make_model("relu"), make_data()
    # A permutation keeps positive states positive, so that every unit stays in ReLU's linear half.
    model.params["rnn.weight_hh_l0"][...] = np.eye(H)[np.random.default_rng(2).permutation(H)]
    model.params["rnn.bias_ih_l0"][...] = 1e3
    r = tt.bptt(model, x, targets, omega=4.0)
    without = tt.bptt(model, x, targets)
    assert r.omega == pytest.approx(0, abs=1e-28)
    largest = np.abs(without.grads["rnn.weight_hh_l0"]).max()
    np.testing.assert_allclose(
        r.grads["rnn.weight_hh_l0"], without.grads["rnn.weight_hh_l0"], rtol=0, atol=1e-14 * largest
    )
    model.params["rnn.weight_hh_l0"] *= 1.5
    assert tt.bptt(model, x, targets, omega=4.0).omega == pytest.approx(0.25, rel=1e-10)


@pytest.mark.compiled
def test_steps_down_omega_bring_the_ratio_to_one():
    model, (x, targets) = make_model(), make_data()
    seen = []
    for _ in range(300):
        r, without = tt.bptt(model, x, targets, omega=1.0), tt.bptt(model, x, targets)
        seen.append(r.omega)
        name = "rnn.weight_hh_l0"
        model.params[name] -= 0.5 * (r.grads[name] - without.grads[name])
    assert seen[0] > 0.3
    assert seen[-1] < seen[0] / 5


def test_one_step_has_no_term():
    model, (x, targets) = make_model(), make_data(steps=1)
    r, without = tt.bptt(model, x, targets, omega=4.0), tt.bptt(model, x, targets)
    assert r.omega == 0
    for name, gradient in r.grads.items():
        np.testing.assert_array_equal(gradient, without.grads[name])


@pytest.mark.parametrize(("dtype", "sizes"), [("float32", (1e-28, 1e30)), ("float64", (1e-280, 1e300))])
def test_omega_does_not_depend_on_the_size_of_the_gradient(dtype, sizes):
    rng = np.random.default_rng(3)
    da, dy = (rng.standard_normal(shape).astype(dtype) for shape in ((T, B, 1, H), (T, B, H)))
    weight = rng.standard_normal((H, H)).astype(dtype)
    arguments = weight, np.zeros((0, 0), bool), np.full(B, T), Workspace()
    expected = find_terms(da, dy, *arguments)
    assert expected.number == (T - 1) * B
    for size in sizes:
        found = find_terms(da * da.dtype.type(size), dy * dy.dtype.type(size), *arguments)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        assert found.number == expected.number
        assert found.total == pytest.approx(expected.total, rel=tolerance)
        largest = np.abs(expected.gradient).max()
        assert np.abs(found.gradient - expected.gradient).max() <= tolerance * largest


def test_deltas_that_vanished_are_left_out():
    # The loss at the end alone: a step back halves the gradient, until float32 has no digits left for it.
    model = make_model("relu", dtype="float32", at="last")
    model.params["rnn.weight_hh_l0"][...] = np.eye(H) / 2
    model.params["rnn.bias_ih_l0"][...] = 10
    x, targets = make_data("float32", steps=300)
    r = tt.bptt(model, x, targets[-1], omega=1.0)
    assert r.omega == pytest.approx(0.25, rel=1e-5)
    assert np.isfinite(r.grads["rnn.weight_hh_l0"]).all()


def test_units_that_are_all_off_stop_the_gradient_and_have_no_slope():
    model, (x, targets) = make_model("relu"), make_data()
    model.params["rnn.bias_ih_l0"][...] = -1e3
    r, without = tt.bptt(model, x, targets, omega=1.0), tt.bptt(model, x, targets)
    assert r.omega == 1
    np.testing.assert_array_equal(r.grads["rnn.weight_hh_l0"], without.grads["rnn.weight_hh_l0"])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_the_terms(threads):
    model, (x, targets) = make_model(num_layers=2), make_data()
    lengths = np.array([9, 1, 5, 2])  # so that the shares differ in how many terms they have
    one = tt.bptt(model, x, targets, lengths=lengths, omega=2.0)
    several = tt.bptt(model, x, targets, lengths=lengths, omega=2.0, threads=threads)
    assert several.omega == pytest.approx(one.omega, rel=1e-13)
    for name, gradient in one.grads.items():
        assert np.abs(several.grads[name] - gradient).max() <= 1e-13 * np.abs(gradient).max(), name


# The same equations with nothing declared.
undeclared = Cell("mine", _forward_gated, _backward_gated, ("p", "q"), apart=1, parameters={"rho": 0.7})


@pytest.mark.parametrize("cell", [lstm, gru, undeclared], ids=lambda cell: cell.name)
def test_a_cell_with_another_jacobian_is_refused(cell):
    with pytest.raises(ArgumentError, match=f"omega=4 found with cell {cell.name}; expected the plain RNN"):
        check_omega(4.0, cell, Full())
    assert check_omega(0, cell, Window(3)) == 0


def test_a_window_is_refused():
    model, (x, targets) = make_model(), make_data()
    with pytest.raises(
        ArgumentError, match=r"omega=0\.5 found with truncation window:100; expected full or chunk"
    ):
        tt.bptt(model, x, targets, truncation=Window(100), omega=0.5)


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "4", None])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ArgumentError, match=r"omega is .*; expected a finite number of 0 or above"):
        check_omega(weight, rnn_tanh, Full())


def test_the_weight_falls_as_one_over_the_updates():
    weights = [decayed(4.0, step) for step in range(0, 100_000, 1000)]
    np.testing.assert_allclose(weights, 4 / np.arange(1, 101), rtol=1e-15)
    assert decayed(0.0, 7) == 0


def test_what_stands_beyond_an_end_counts_for_nothing():
    rng, lengths = np.random.default_rng(4), np.array([9, 1, 5, 2])
    padding = (np.arange(T)[:, None] >= lengths)[:, :, None]
    da, dy, weight = (
        rng.standard_normal((T, B, 1, H)),
        rng.standard_normal((T, B, H)),
        rng.standard_normal((H, H)),
    )
    da[padding[:, :, 0]] = 0
    found = find_terms(da, dy, weight, np.zeros((0, 0), bool), lengths, Workspace())
    assert found.number == (lengths - 1).sum()
    changed = find_terms(da, np.where(padding, 7, dy), weight, np.zeros((0, 0), bool), lengths, Workspace())
    assert changed.total == found.total
