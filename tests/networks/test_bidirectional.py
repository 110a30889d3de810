"""Layers that read in both directions, against PyTorch's."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

T, B, I, H = 6, 4, 3, 5
LENGTHS = np.array([6, 2, 5, 1])


def make_layers(torch, kind: str, num_layers: int):
    theirs = getattr(torch.nn, kind)(I, H, num_layers, bidirectional=True).double()
    ours = getattr(tt, kind)(I, H, num_layers, bidirectional=True, dtype="float64", seed=0)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.from_numpy(ours.params[name]))
    return theirs, ours


def close(found, expected):
    return np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "unequal"])
def test_outputs_and_gradients_equal_pytorch(kind, num_layers, lengths):
    torch = require_torch()
    rnn = torch.nn.utils.rnn
    theirs, ours = make_layers(torch, kind, num_layers)
    assert list(ours.params) == [name for name, _ in theirs.named_parameters()]
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((T, B, I)), rng.standard_normal((T, B, 2 * H))
    parts = 2 if kind == "LSTM" else 1
    state, dstate = ([rng.standard_normal((2 * num_layers, B, H)) for _ in range(parts)] for _ in range(2))

    inputs = torch.from_numpy(x).requires_grad_()
    initial = [torch.from_numpy(part).requires_grad_() for part in state]
    given = tuple(initial) if parts == 2 else initial[0]
    packed = inputs if lengths is None else rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    expected, final = theirs(packed, given)
    if lengths is not None:
        expected, _ = rnn.pad_packed_sequence(expected, total_length=T)
    final = final if parts == 2 else (final,)
    loss = (expected * torch.from_numpy(dy)).sum()
    loss = loss + sum((part * torch.from_numpy(d)).sum() for part, d in zip(final, dstate, strict=True))
    loss.backward()

    spoilt = x.copy()
    if lengths is not None:
        spoilt[np.arange(T)[:, None] >= lengths] = np.nan
    y, last, trace = ours.forward(spoilt, tuple(state), lengths=lengths)
    dx, grads, dinitial = ours.backward(trace, dy, tuple(dstate))
    assert close(y, expected.detach().numpy())
    assert close(dx, inputs.grad.numpy())
    for name, parameter in theirs.named_parameters():
        assert close(grads[name], parameter.grad.numpy()), name
    last, dinitial = (part if parts == 2 else (part,) for part in (last, dinitial))
    for part in range(parts):
        assert close(last[part], final[part].detach().numpy())
        assert close(dinitial[part], initial[part].grad.numpy())


def test_token_ids_read_both_ways():
    layer = tt.GRU(7, H, bidirectional=True, dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, 7, (T, B))
    dy = np.ones((T, B, 2 * H))
    y, _, trace = layer.forward(ids, lengths=LENGTHS)
    _, grads, _ = layer.backward(trace, dy)
    dense, _, dense_trace = layer.forward(np.eye(7)[ids], lengths=LENGTHS)
    _, expected, _ = layer.backward(dense_trace, dy)
    np.testing.assert_allclose(y, dense, rtol=1e-12)
    for name, gradient in expected.items():
        np.testing.assert_allclose(grads[name], gradient, rtol=1e-9, atol=1e-14)


def test_a_reset_parts_both_directions():
    layer = tt.GRU(I, H, num_layers=2, bidirectional=True, dtype="float64", seed=0)
    x = np.random.default_rng(0).standard_normal((T, B, I))
    reset = np.zeros((T, B), bool)
    reset[4] = True
    joined, _, trace = layer.forward(x, reset=reset)
    _, grads, _ = layer.backward(trace, np.ones_like(joined))
    total = {name: np.zeros_like(gradient) for name, gradient in grads.items()}
    for part in (slice(4), slice(4, None)):
        y, _, trace = layer.forward(x[part])
        np.testing.assert_allclose(joined[part], y, rtol=1e-12)
        for name, gradient in layer.backward(trace, np.ones_like(y))[1].items():
            total[name] += gradient
    for name, gradient in grads.items():
        np.testing.assert_allclose(gradient, total[name], rtol=1e-9, atol=1e-14)


def test_a_reset_beyond_the_end_changes_nothing():
    layer = tt.GRU(I, H, bidirectional=True, dtype="float64", seed=0)
    rng = np.random.default_rng(0)
    x, state = rng.standard_normal((T, B, I)), rng.standard_normal((2, B, H))
    expected, final, _ = layer.forward(x, state, lengths=LENGTHS)
    y, same, _ = layer.forward(x, state, np.arange(T)[:, None] >= LENGTHS, LENGTHS)
    assert np.array_equal(y, expected)
    assert np.array_equal(same, final)


def test_dropout_has_the_gradient_of_its_masks():
    layer = tt.GRU(I, H, num_layers=2, dropout=0.5, bidirectional=True, dtype="float64", seed=0)
    x = np.random.default_rng(0).standard_normal((T, B, I))

    def run():
        layer.stack.dropout.rng = np.random.default_rng(5)
        return layer.forward(x, training=True)

    y, _, trace = run()
    found = layer.backward(trace, np.ones_like(y))[1]["weight_hh_l0_reverse"][2, 1]
    weight, step = layer.params["weight_hh_l0_reverse"], 1e-6
    value = weight[2, 1]
    weight[2, 1] = value + step
    above = run()[0].sum()
    weight[2, 1] = value - step
    below = run()[0].sum()
    assert found == pytest.approx((above - below) / (2 * step), rel=1e-5)
    assert not np.array_equal(y, layer.forward(x)[0])


def test_truncation_and_single_steps_are_refused():
    layer = tt.LSTM(I, H, bidirectional=True, seed=0)
    y, _, trace = layer.forward(np.zeros((T, B, I), np.float32))
    for truncation in (tt.Window(1), tt.Window(T - 1), tt.Chunk(2), tt.Chunk(1, T - 1)):
        with pytest.raises(tt.ArgumentError, match="bidirectional layers; expected full"):
            layer.backward(trace, y, truncation=truncation)
    for truncation in (tt.Window(T), tt.Chunk(T), tt.Chunk(1, T)):
        layer.backward(trace, None, truncation=truncation)
    with pytest.raises(tt.ArgumentError, match="expected one direction"):
        layer.step(np.zeros((B, I), np.float32))
