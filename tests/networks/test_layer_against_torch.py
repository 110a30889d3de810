"""Every cell, number of layers, truncation, reset and length against PyTorch's autograd."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

torch = require_torch()

from tests.networks import autograd  # noqa: E402 - it imports PyTorch

T, B, I = 9, 4, 2
H = 19  # whole vectors and a rest
pytestmark = pytest.mark.compiled
LENGTHS = np.array([9, 5, 1, 7])
TRUNCATIONS = [
    tt.Full(),
    *(tt.Window(k) for k in (0, 1, 3, T - 1, 1000)),
    *(tt.Chunk(k) for k in (1, 4, 50)),
    *(tt.Chunk(*ks) for ks in ((1, 2), (2, 3), (2, 6), (4, 5), (4, 8), (4, 9))),
]
every_cell = pytest.mark.parametrize("kind", sorted(autograd.CELLS))
every_truncation = pytest.mark.parametrize("truncation", TRUNCATIONS, ids=str)


def make_layer(kind, num_layers=1, dtype="float64", **settings):
    settings |= {"num_layers": num_layers, "dtype": dtype, "seed": 1}
    if kind in ("lstm", "gru"):
        return {"lstm": tt.LSTM, "gru": tt.GRU}[kind](I, H, **settings)
    return tt.RNN(I, H, nonlinearity=kind, **settings)


class Call:
    """One call's arguments, drawn at random."""

    def __init__(self, layer, resets, lengths):
        rng = np.random.default_rng(2)

        def draw(*shape):
            return rng.standard_normal(shape).astype(layer.dtype)

        states = range(len(layer.cell.states))
        self.layer, self.x, self.dy = layer, draw(T, B, I), draw(T, B, H)
        self.state = tuple(draw(layer.num_layers, B, H) for _ in states)
        self.dstate = tuple(draw(layer.num_layers, B, H) for _ in states)
        self.reset = rng.random((T, B)) < 0.25 if resets else None
        self.lengths = LENGTHS if lengths else None

    def ours(self, truncation):
        y, last, trace = self.layer.forward(self.x, self.state, self.reset, self.lengths, training=True)
        dx, grads, dstate = self.layer.backward(trace, self.dy, self.dstate, truncation)
        return named(y, last, dx, grads, dstate)

    def autograd(self, kind, truncation, masks=()):
        reset = np.zeros((T, B), bool) if self.reset is None else self.reset
        lengths = np.full(B, T) if self.lengths is None else self.lengths
        return autograd.gradients(
            kind,
            self.layer.params,
            self.x,
            self.state,
            self.dy,
            self.dstate,
            truncation,
            reset,
            lengths,
            masks,
        )


def named(y, last, dx, grads, dstate):
    """What a layer returns, under the oracle's names."""
    last, dstate = (part if isinstance(part, tuple) else (part,) for part in (last, dstate))
    found = {"y": y, "dx": dx, **{f"d{name}": array for name, array in grads.items()}}
    found |= {f"last_{s}": part for s, part in enumerate(last)}
    return found | {f"dstate_{s}": part for s, part in enumerate(dstate)}


def assert_close(found, expected, tolerance, case=""):
    """max|a - b| <= tolerance * max|b| for each array."""
    assert set(found) == set(expected)
    for name, exact in expected.items():
        assert found[name].shape == exact.shape, name
        error, size = np.abs(found[name] - exact).max(), np.abs(exact).max()
        assert error <= tolerance * size, f"{name} {case}: {error:.1e} of {size:.1e}"


@every_truncation
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_cell
def test_gradients_equal_autograds_in_float64(kind, num_layers, truncation):
    layer = make_layer(kind, num_layers)
    for resets in (False, True):
        for lengths in (False, True):
            call = Call(layer, resets, lengths)
            case = f"(resets={resets}, lengths={lengths})"
            assert_close(call.ours(truncation), call.autograd(kind, truncation), 1e-10, case)


@pytest.mark.parametrize("truncation", [tt.Full(), tt.Window(3), tt.Chunk(4), tt.Chunk(2, 5)], ids=str)
@pytest.mark.parametrize("num_layers", [1, 3])
@every_cell
def test_gradients_equal_autograds_in_float32(kind, num_layers, truncation):
    call = Call(make_layer(kind, num_layers, dtype="float32"), resets=True, lengths=True)
    found = call.ours(truncation)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert_close(found, call.autograd(kind, truncation), 1e-5)


@pytest.mark.parametrize("truncation", [tt.Full(), tt.Window(2)], ids=str)
@every_cell
def test_gradients_equal_autograds_without_biases(kind, truncation):
    call = Call(make_layer(kind, 2, bias=False), resets=True, lengths=False)
    assert not any("bias" in name for name in call.layer.params)
    assert_close(call.ours(truncation), call.autograd(kind, truncation), 1e-10)


@every_truncation
@pytest.mark.parametrize("kind", ["tanh", "gru"])
def test_gradients_equal_autograds_with_dropout(kind, truncation):
    layer = make_layer(kind, 3, dropout=0.4)
    rng = np.random.default_rng(3)
    masks = [(rng.random((T, B, H), np.float32) >= 0.4) / 0.6 for _ in range(2)]
    layer.stack.dropout.rng = np.random.default_rng(3)
    call = Call(layer, resets=True, lengths=True)
    assert_close(call.ours(truncation), call.autograd(kind, truncation, masks), 1e-10)


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("kind", ["tanh", "relu", "lstm", "gru"])
def test_layer_equals_pytorchs_own(kind, num_layers, lengths):
    call = Call(make_layer(kind, num_layers), resets=False, lengths=lengths)
    own = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(kind, torch.nn.RNN)
    module = own(I, H, num_layers, dtype=torch.float64)
    if kind in ("tanh", "relu"):
        module.nonlinearity = kind
        module.mode = f"RNN_{kind.upper()}"
    module.load_state_dict({name: torch.tensor(array) for name, array in call.layer.params.items()})

    x = autograd.leaf(call.x)
    state = tuple(autograd.leaf(part) for part in call.state)
    packed = x
    if lengths:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    y, last = module(packed, state if kind == "lstm" else state[0])
    if lengths:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=T)
    last = last if kind == "lstm" else (last,)
    weights = zip((y, *last), (call.dy, *call.dstate), strict=True)
    sum((part * torch.tensor(weight)).sum() for part, weight in weights).backward()

    def arrays(tensors):
        return tuple(tensor.detach().numpy() for tensor in tensors)

    grads = {name: param.grad.numpy() for name, param in module.named_parameters()}
    expected = named(
        y.detach().numpy(), arrays(last), x.grad.numpy(), grads, arrays(part.grad for part in state)
    )
    assert_close(call.ours(tt.Full()), expected, 1e-10)
