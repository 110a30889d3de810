"""Jacobians of steps beside PyTorch, central differences and closed forms; chains beside dense products."""

import functools

import numpy as np
import pytest
from tests.cells.samples import linear, rich

import throughtime as tt
from throughtime.cells import gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.errors import ArgumentError, DivergedError
from throughtime.flow.jacobian import chain_singular_values, find_jacobians
from throughtime.networks.layer import Recurrent

T, B, I, H = 6, 3, 2, 4


def make_layer(cell, num_layers=1, dtype="float64", **settings):
    return Recurrent(cell, I, H, num_layers, dtype=dtype, seed=0, **settings)


def make_inputs(seed=1, steps=T, dtype="float64"):
    return np.random.default_rng(seed).standard_normal((steps, B, I)).astype(dtype)


def make_state(layer, seed=2):
    rng = np.random.default_rng(seed)
    state = tuple(rng.standard_normal((layer.num_layers, B, H)) for _ in layer.cell.states)
    return state if len(state) > 1 else state[0]


def flat(state, layer=0):
    """(B, STATES * H) of one layer."""
    return np.concatenate([part[layer] for part in (state if isinstance(state, tuple) else (state,))], axis=1)


def differences(layer, x, state, step=1e-3):
    """(B, n, n): d state after one step / d state before, by five-point central differences."""
    before = flat(state)
    n = before.shape[1]

    def after(moved):
        parts = tuple(np.ascontiguousarray(part)[None] for part in np.split(moved, n // H, axis=1))
        return flat(layer.step(x, parts if len(parts) > 1 else parts[0])[1])

    found = np.empty((B, n, n))
    for j in range(n):
        e = step * np.eye(n)[j]
        near, far = after(before + e) - after(before - e), after(before + 2 * e) - after(before - 2 * e)
        found[:, :, j] = (8 * near - far) / (12 * step)
    return found


@pytest.mark.parametrize("cell", [rnn_tanh, rnn_sigmoid, lstm, gru, rich, linear], ids=lambda cell: cell.name)
def test_jacobians_equal_central_differences(cell):
    layer, x = make_layer(cell), make_inputs()
    state = make_state(layer)
    jacobians = find_jacobians(layer, x, state=state)
    assert len(jacobians) == T
    for t, jacobian in enumerate(jacobians):
        expected = differences(layer, x[t], state)
        assert np.abs(jacobian - expected).max() <= 1e-10 * np.abs(expected).max()
        _, state = layer.step(x[t], state)


def pytorch_of(torch, layer, k, input_size):
    """(input, state (STATES * H,)) -> state: layer k of `layer` at one step of one sequence, as PyTorch has it."""
    name, H = layer.cell.name, layer.hidden_size
    make = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(name, torch.nn.RNN)
    settings = {"nonlinearity": name.removeprefix("rnn_")} if make is torch.nn.RNN else {}
    module = make(input_size, H, dtype=torch.float64, **settings)
    with torch.no_grad():
        for parameter_name, parameter in module.named_parameters():
            parameter.copy_(torch.tensor(layer.params[parameter_name.replace("_l0", f"_l{k}")]))

    def step(x, before):
        parts = before.reshape(-1, 1, 1, H)
        _, after = module(torch.tensor(x)[None, None], tuple(parts) if len(parts) > 1 else parts[0])
        return torch.cat([part.reshape(-1) for part in (after if len(parts) > 1 else (after,))])

    return step


@pytest.mark.parametrize("cell", [rnn_tanh, rnn_relu, lstm, gru], ids=lambda cell: cell.name)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_jacobians_equal_pytorch(torch, cell, num_layers):
    layer, x = make_layer(cell, num_layers), make_inputs()
    for k in range(num_layers):
        read = x if k == 0 else output_of_the_lowest(layer, x)
        theirs, jacobians = pytorch_of(torch, layer, k, read.shape[2]), find_jacobians(layer, x, layer=k)
        state = torch.zeros(jacobians.size, dtype=torch.float64)
        for t in range(T):
            step = functools.partial(theirs, read[t, 0])
            expected = torch.autograd.functional.jacobian(step, state).numpy()
            assert np.abs(jacobians[t][0] - expected).max() <= 1e-12 * np.abs(expected).max()
            state = step(state).detach()


def output_of_the_lowest(layer, x):
    below = Recurrent(layer.cell, I, H, dtype="float64")
    for name, array in below.params.items():
        array[...] = layer.params[name]
    return below.forward(x)[0]


def test_a_models_jacobians_are_its_layers():
    for model, inputs in (
        (tt.SequenceModel(I, H, 1, "lstm", num_layers=2, dtype="float64", seed=0), make_inputs()),
        (tt.LanguageModel(9, H, "gru", dtype="float64", seed=0), np.arange(T * B).reshape(T, B) % 9),
    ):
        layers = model.layers
        twin = Recurrent(layers.cell, layers.input_size, H, layers.num_layers, dtype="float64")
        for name, array in twin.params.items():
            array[...] = model.params[f"rnn.{name}"]
        for found, expected in zip(find_jacobians(model, inputs), find_jacobians(twin, inputs), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_a_float32_network_is_differentiated_in_float64(embedding_size):
    model = tt.LanguageModel(9, H, "lstm", embedding_size=embedding_size, num_layers=2, seed=0)
    ids = np.arange(T * B).reshape(T, B) % 9
    state = tuple(part.astype("float32") for part in make_state(model.layers))
    exact = find_jacobians(
        model.astype("float64"), ids, state=tuple(part.astype("float64") for part in state)
    )
    for found, expected in zip(find_jacobians(model, ids, state=state), exact, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_an_lstm_without_recurrent_weights_passes_on_c_alone_by_its_forget_gate():
    layer = make_layer(lstm)
    for array in layer.params.values():
        array[...] = 0
    layer.params["bias_ih_l0"][H : 2 * H] = b = 2.0
    carry = 1 / (1 + np.exp(-b))
    jacobians = find_jacobians(layer, np.zeros((T, B, I)))
    for jacobian in jacobians:
        np.testing.assert_allclose(
            jacobian[:, H:, H:], np.broadcast_to(carry * np.eye(H), (B, H, H)), rtol=1e-12
        )
        assert (jacobian[:, :, :H] == 0).all()
    logs = chain_singular_values(jacobians, t=-1, lags=T)
    # dh = o (1 - tanh(c)^2) dc: with c = 0 and o = 1/2, each c stretches its unit by sqrt(1 + 1/4).
    expected = np.arange(1, T + 1) * np.log(carry) + np.log(1.25) / 2
    np.testing.assert_allclose(logs[1:, 0, 0], expected, atol=1e-12)


def linear_layer(weight):
    layer = Recurrent(linear, 1, len(weight), bias=False, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = weight
    return layer


def orthogonal(n):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]


@pytest.mark.parametrize("a", [0.9, 1.1, 1e-3, 1e3])
def test_a_linear_cells_chain_has_singular_values_a_to_the_lag(a):
    steps = 300  # 1e-900 and 1e900: far beyond float64
    jacobians = find_jacobians(linear_layer(a * orthogonal(5)), np.zeros((steps, 2, 1)))
    logs = chain_singular_values(jacobians, t=steps - 1, lags=steps)
    assert logs.shape == (steps + 1, 2, 5)
    expected = np.arange(steps + 1) * np.log(a)
    assert np.abs(logs - expected[:, None, None]).max() <= 1e-12 * np.abs(expected).max()


def test_a_chain_is_the_product_of_its_steps():
    layer, x = make_layer(gru), make_inputs()
    jacobians = find_jacobians(layer, x)
    logs = chain_singular_values(jacobians, t=4, lags=3)
    product = jacobians[4] @ jacobians[3] @ jacobians[2]
    np.testing.assert_allclose(np.exp(logs[3]), np.linalg.svd(product, compute_uv=False), rtol=1e-11)
    np.testing.assert_array_equal(chain_singular_values(jacobians, t=-2, lags=3), logs)
    np.testing.assert_array_equal(chain_singular_values(jacobians, t=4, lags=[1, 3]), logs[[1, 3]])


def test_what_rounding_hides_is_not_a_number():
    jacobians = find_jacobians(linear_layer(np.diag([1.0, 1e-4])), np.zeros((5, 1, 1)))
    logs = chain_singular_values(jacobians, t=4, lags=5)[:, 0]
    np.testing.assert_array_equal(logs[:, 0], 0)
    np.testing.assert_allclose(logs[:4, 1], np.arange(4) * np.log(1e-4), rtol=1e-12)
    assert np.isnan(logs[4:, 1]).all()


def test_a_chain_that_is_zero_stays_zero():
    jacobians = find_jacobians(linear_layer(np.array([[0.0, 3.0], [0.0, 0.0]])), np.zeros((5, 1, 1)))
    logs = chain_singular_values(jacobians, t=4, lags=4)[:, 0]
    assert logs[1, 0] == pytest.approx(np.log(3))
    assert (logs[2:] == -np.inf).all()


def test_arguments_out_of_range_are_refused():
    layer = make_layer(gru, 2)
    jacobians = find_jacobians(layer, make_inputs())
    with pytest.raises(ArgumentError, match="layer=2 found; expected 0 to 1"):
        find_jacobians(layer, make_inputs(), layer=2)
    with pytest.raises(ArgumentError, match="t=6 found; expected a step from 0 to 5"):
        chain_singular_values(jacobians, t=6, lags=1)
    with pytest.raises(ArgumentError, match="lags=4 found; expected 0 to 3"):
        chain_singular_values(jacobians, t=2, lags=4)
    for lags in ([2, 1], [1, 1], [], [0, 4], [-1]):
        with pytest.raises(ArgumentError, match="or some of these, rising"):
            chain_singular_values(jacobians, t=2, lags=lags)
    with pytest.raises(ArgumentError, match="bidirectional"):
        find_jacobians(make_layer(gru, bidirectional=True), make_inputs())
    with pytest.raises(IndexError, match="step 6"):
        jacobians[6]


def test_a_state_that_overflows_is_named():
    with pytest.raises(DivergedError, match="the state after 2 steps is not finite"):
        find_jacobians(linear_layer(np.diag([1e200])), np.zeros((5, 1, 1)), state=np.full((1, 1, 1), 1.0))
