"""Models of arrays: every loss, at every step and at the last, against PyTorch; dropout."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

I, H, O, T, B = 2, 5, 3, 6, 4


def make_data(loss: str, at: str, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, B, I))
    scored = (T, B) if at == "every" else (B,)
    if loss == "softmax":
        return x, rng.integers(0, O, scored)
    return x, rng.random((*scored, O))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("loss", ["squared", "softmax", "logistic"])
@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize("lengths", [None, [6, 2, 5, 1]])
def test_gradients_equal_pytorch(cell, loss, at, lengths):
    torch = require_torch()
    functional = torch.nn.functional
    model = tt.SequenceModel(I, H, O, cell, num_layers=2, loss=loss, at=at, dtype="float64", seed=0)
    x, targets = make_data(loss, at)
    kinds = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    rnn, readout = kinds[cell](I, H, 2).double(), torch.nn.Linear(H, O).double()
    named = {f"rnn.{n}": p for n, p in rnn.named_parameters()}
    named |= {f"readout.{n}": p for n, p in readout.named_parameters()}
    with torch.no_grad():
        for name, array in model.params.items():
            named[name].copy_(torch.from_numpy(array))
    outputs = readout(rnn(torch.from_numpy(x))[0])  # one direction: what follows an end cannot change it
    ends = np.full(B, T) if lengths is None else np.array(lengths)
    counted = np.arange(T)[:, None] < ends
    wanted = torch.from_numpy(targets)
    if at == "last":
        outputs = outputs[ends - 1, np.arange(B)]
    else:
        outputs, wanted = outputs[counted], wanted[counted]
    losses = {
        "squared": functional.mse_loss,
        "softmax": functional.cross_entropy,
        "logistic": functional.binary_cross_entropy_with_logits,
    }
    expected = losses[loss](outputs, wanted)
    expected.backward()
    r = tt.bptt(model, x, targets, lengths=None if lengths is None else ends)
    assert r.loss == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in r.grads.items():
        reference = named[name].grad.numpy()
        assert np.abs(gradient - reference).max() <= 1e-10 * np.abs(reference).max(), name


def test_padding_may_hold_anything():
    model = tt.SequenceModel(I, H, O, "gru", dtype="float64", seed=0)
    x, targets = make_data("squared", "every")
    lengths = np.array([6, 2, 5, 1])
    clean = tt.bptt(model, x, targets, lengths=lengths)
    x[np.arange(T)[:, None] >= lengths] = np.nan
    targets[np.arange(T)[:, None] >= lengths] = np.nan
    spoilt = tt.bptt(model, x, targets, lengths=lengths)
    assert spoilt.loss == clean.loss
    for name, gradient in spoilt.grads.items():
        assert np.array_equal(gradient, clean.grads[name]), name


def test_a_reset_makes_two_sequences_of_one():
    model = tt.SequenceModel(I, H, O, "lstm", dtype="float64", seed=0)
    x, targets = make_data("squared", "every")
    reset = np.zeros((T, B), bool)
    reset[3] = True
    joined = tt.bptt(model, x, targets, reset=reset, reduction="sum")
    parts = [tt.bptt(model, x[s], targets[s], reduction="sum") for s in (slice(3), slice(3, None))]
    assert joined.loss == pytest.approx(parts[0].loss + parts[1].loss, rel=1e-12)
    for name, gradient in joined.grads.items():
        np.testing.assert_allclose(
            gradient, parts[0].grads[name] + parts[1].grads[name], rtol=1e-9, atol=1e-15
        )


def test_forward_at_the_last_step_is_the_last_row_of_every():
    model = tt.SequenceModel(I, H, O, "gru", at="last", seed=0)
    x = make_data("squared", "last")[0].astype(np.float32)
    lengths = np.array([6, 2, 5, 1])
    last, _ = model.forward(x, lengths=lengths)
    every, _ = model.forward(x, lengths=lengths, at="every")
    np.testing.assert_allclose(last, every[lengths - 1, np.arange(B)], rtol=1e-6)


def test_dropout_acts_only_while_training_and_its_gradient_is_that_of_its_masks():
    model = tt.SequenceModel(I, H, O, "gru", num_layers=2, dropout=0.5, dtype="float64", seed=0)
    x, targets = make_data("squared", "every")

    def run(truncation=None, training=True):
        model.layers.stack.dropout.rng = np.random.default_rng(5)  # the same masks each time
        return tt.bptt(model, x, targets, truncation=truncation, training=training)

    assert run(training=False).loss == tt.bptt(model, x, targets).loss
    assert run().loss != run(training=False).loss
    weight = model.params["rnn.weight_ih_l1"]
    found = run().grads["rnn.weight_ih_l1"][3, 2]
    lower = run().grads["rnn.weight_hh_l0"].copy()
    step, value = 1e-6, weight[3, 2]
    weight[3, 2] = value + step
    above = run().loss
    weight[3, 2] = value - step
    below = run().loss
    weight[3, 2] = value
    assert found == pytest.approx((above - below) / (2 * step), rel=1e-6)
    # The lag sweep goes through the same masks as the reverse sweep.
    windows = [run(tt.Window(k)).grads["rnn.weight_hh_l0"] for k in (T - 2, T - 1)]
    np.testing.assert_allclose(windows[1], lower, rtol=1e-9, atol=1e-16)
    assert np.abs(windows[0] - lower).max() < 0.2 * np.abs(lower).max()


def test_dropout_keeps_the_mean():
    from throughtime.networks.dropout import Dropout

    mask = Dropout(0.25, np.random.default_rng(0)).mask((200, 500), np.float32)
    assert mask is not None
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    assert mask.mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [({"loss": "hinge"}, "'hinge'"), ({"at": "first"}, "'first'"), ({"output_size": 0}, "output_size=0")],
)
def test_wrong_settings_are_one_line(arguments, found):
    with pytest.raises(tt.ArgumentError) as raised:
        tt.SequenceModel(**{"input_size": I, "hidden_size": H, "output_size": O, **arguments})
    assert found in str(raised.value)
    assert "expected" in str(raised.value)


def test_targets_of_a_wrong_shape_or_type_are_one_line():
    model = tt.SequenceModel(I, H, O, "gru", seed=0)
    x = np.zeros((T, B, I), np.float32)
    with pytest.raises(tt.ShapeError, match=r"targets has shape .*expected \(T=6, batch=4, output_size=3\)"):
        tt.bptt(model, x, np.zeros((T, B), np.float32))
    with pytest.raises(tt.DtypeError, match="targets has dtype float64; expected float32"):
        tt.bptt(model, x, np.zeros((T, B, O)))


def test_outputs_at_no_such_step_are_one_line():
    model = tt.SequenceModel(I, H, O, "gru", seed=0)
    with pytest.raises(tt.ArgumentError, match=r"at='Last' found; expected 'every' or 'last'"):
        model.forward(np.zeros((T, B, I), np.float32), at="Last")


# ------------------------------------------------------------------ the state that is carried on


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("threads", [1, 3])
def test_carried_state_is_the_one_after_so_many_steps(cell, threads):
    model = tt.SequenceModel(I, H, O, cell, num_layers=2, dtype="float64", seed=0)
    x, targets = make_data("squared", "every")
    parts = [np.random.default_rng(s).standard_normal((2, B, H)) for s in range(2 if cell == "lstm" else 1)]
    reset = np.zeros((T, B), bool)
    reset[3, 1] = True
    for steps in (*range(T + 1), None):
        found = tt.bptt(model, x, targets, parts, reset=reset, carry=steps, threads=threads).state
        expected = parts if steps == 0 else model.forward(x[:steps], parts, reset[:steps])[1]
        for one, other in zip(as_parts(found), as_parts(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)


def as_parts(state):
    return state if isinstance(state, tuple | list) else (state,)


def test_state_carried_before_the_first_step_is_zero_where_none_is_given():
    model = tt.SequenceModel(I, H, O, "gru", dtype="float64", seed=0)
    x, targets = make_data("squared", "every")
    assert not tt.bptt(model, x, targets, carry=0).state.any()


def test_carried_state_outlives_the_buffers():
    from throughtime.machine.workspace import Workspace

    model, workspace = tt.SequenceModel(I, H, O, "gru", dtype="float64", seed=0), Workspace()
    x, targets = make_data("squared", "every")
    found = model.bptt(x, targets, truncation=tt.Full(), workspace=workspace, carry=2).state
    kept = found.copy()
    model.bptt(2 * x, targets, truncation=tt.Full(), workspace=workspace, carry=2)
    assert np.array_equal(found, kept)


@pytest.mark.parametrize("carry", [-1, T + 1, 1.0, True])
def test_a_carry_outside_the_call_is_one_line(carry):
    model = tt.SequenceModel(I, H, O, "gru", dtype="float64", seed=0)
    with pytest.raises(tt.ArgumentError, match=rf"carry={carry} found; expected .* T={T}\. "):
        tt.bptt(model, *make_data("squared", "every"), carry=carry)


def test_a_carry_with_lengths_is_one_line():
    model = tt.SequenceModel(I, H, O, "gru", dtype="float64", seed=0)
    with pytest.raises(tt.ArgumentError, match="carry=2 found with lengths"):
        tt.bptt(model, *make_data("squared", "every"), lengths=np.array([6, 2, 5, 1]), carry=2)


def test_looking_back_by_hand_equals_chunks_of_two_numbers_in_one_call():
    """Updates of k1 new steps over k2, at fixed parameters: what `Chunk(k1, k2)` says of one long call."""
    model = tt.SequenceModel(I, H, O, "lstm", num_layers=2, loss="softmax", dtype="float64", seed=0)
    steps, k1, k2 = 11, 2, 5
    rng = np.random.default_rng(1)
    x, targets = rng.standard_normal((steps, B, I)), rng.integers(0, O, (steps, B))
    expected = tt.bptt(model, x, targets, truncation=tt.Chunk(k1, k2), reduction="sum")

    total = {name: np.zeros_like(array) for name, array in model.params.items()}
    loss, start, state = 0.0, 0, None
    for new in range(0, steps, k1):
        stop, following = min(new + k1, steps), max(0, new + 2 * k1 - k2)
        seen = targets[start:stop].copy()
        seen[: new - start] = -100
        r = tt.bptt(
            model, x[start:stop], seen, state, tt.Chunk(k1, k2), "sum", carry=min(following, stop) - start
        )
        start, state, loss = following, r.state, loss + r.loss
        for name, gradient in r.grads.items():
            total[name] += gradient
    assert loss == pytest.approx(expected.loss, rel=1e-13)
    for name, gradient in expected.grads.items():
        assert np.abs(total[name] - gradient).max() <= 1e-13 * np.abs(gradient).max(), name


# ------------------------------------------------------------------ what is read out


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_steps_without_a_target_that_counts_are_not_read_out(loss, monkeypatch):
    from throughtime.networks import network

    model = tt.SequenceModel(I, H, O, "gru", loss=loss, dtype="float64", seed=0)
    x, targets = make_data(loss, "every")
    targets[:4] = -100
    targets[5, 0] = -100
    expected = tt.check_gradients(model, x, targets)
    assert max(expected.values()) < 1e-6
    project, sizes = network.project, []

    def counting(params, y, rows, workspace):
        outputs = project(params, y, rows, workspace)
        sizes.append(len(outputs))
        return outputs

    monkeypatch.setattr(network, "project", counting)
    r = tt.bptt(model, x, targets)
    assert sizes == [2 * B - 1]
    assert r.targets == (2 * B - 1) * (1 if loss == "softmax" else O)
