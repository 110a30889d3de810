"""The check by central differences: it passes what is right, and is not fooled by what is wrong."""

import itertools

import numpy as np
import pytest

import throughtime as tt
from throughtime.cells import Cell, tanh, tanh_slope

T, B = 6, 3
EVERY = [tt.Full(), tt.Window(0), tt.Window(2), tt.Chunk(4), tt.Chunk(2, 3), tt.Chunk(1, 4)]


@pytest.mark.compiled
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("truncation", EVERY, ids=str)
def test_language_models_pass(cell, truncation):
    rng = np.random.default_rng(0)
    model = tt.LanguageModel(7, 4, cell, num_layers=2, embedding_size=3, seed=0)
    x, y = rng.integers(0, 7, (T, B)), rng.integers(0, 7, (T, B))
    y[2, 1] = -100
    more = {"reset": rng.random((T, B)) < 0.2, "lengths": np.array([6, 3, 5])}
    errors = tt.check_gradients(model, x, y, truncation=truncation, entries=4, **more)
    assert set(errors) == set(model.params)
    assert max(errors.values()) < 1e-6


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("loss", "at"), list(itertools.product(["squared", "softmax", "logistic"], ["every", "last"]))
)
def test_every_loss_passes(loss, at):
    rng = np.random.default_rng(0)
    model = tt.SequenceModel(2, 4, 3, "gru", loss=loss, at=at, seed=0)
    scored = (T, B) if at == "every" else (B,)
    y = rng.integers(0, 3, scored) if loss == "softmax" else rng.random((*scored, 3))
    for truncation, lengths in itertools.product((tt.Full(), tt.Window(1)), (None, np.array([6, 2, 5]))):
        tt.check_gradients(
            model, rng.standard_normal((T, B, 2)), y, truncation=truncation, lengths=lengths, entries=4
        )


def test_a_state_and_a_sum_pass():
    rng = np.random.default_rng(0)
    model = tt.SequenceModel(2, 4, 1, "lstm", seed=0)
    x, y = rng.standard_normal((T, B, 2)), rng.standard_normal((T, B, 1))
    state = (rng.standard_normal((1, B, 4)), rng.standard_normal((1, B, 4)))
    for given in (state, list(state)):
        tt.check_gradients(model, x, y, state=given, truncation=tt.Chunk(2), reduction="sum", entries=4)


def wrong_cell(factor: float) -> Cell:
    def forward(a, state):
        h = tanh(a[0])
        return (h,), (h,)

    def backward(dstate, kept, state_prev, state):
        (dh,), (h,) = dstate, kept
        return (dh * tanh_slope(h) * type(h)(factor),), (type(h)(0),)

    return Cell("wrong", forward, backward, gates=("h",))


def test_a_backward_that_is_slightly_off_fails():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((T, B, 2)), rng.standard_normal((T, B, 1))
    tt.check_gradients(tt.SequenceModel(2, 4, 1, wrong_cell(1.0), seed=0), x, y)
    with pytest.raises(tt.GradientError, match=r"weight_.*expected at most 1e-06.*backward"):
        tt.check_gradients(tt.SequenceModel(2, 4, 1, wrong_cell(1.0001), seed=0), x, y)


def test_a_gradient_of_another_truncation_fails(monkeypatch):
    """The differences are taken of what the truncation says it differentiates, not of what the sweep did."""
    monkeypatch.setattr(tt.Window, "window", lambda self, T: self.k + 1)
    rng = np.random.default_rng(0)
    model = tt.SequenceModel(2, 4, 1, "gru", seed=0)
    with pytest.raises(tt.GradientError):
        tt.check_gradients(
            model, rng.standard_normal((T, B, 2)), rng.standard_normal((T, B, 1)), truncation=tt.Window(1)
        )


def test_a_gradient_that_is_not_a_number_fails():
    model = tt.SequenceModel(2, 4, 1, "gru", seed=0)
    model.params["readout.bias"][...] = np.nan
    with pytest.raises(tt.GradientError):
        tt.check_gradients(model, np.zeros((T, B, 2)), np.zeros((T, B, 1)))


def test_no_entries_are_refused():
    model = tt.SequenceModel(2, 4, 1, "gru", seed=0)
    with pytest.raises(tt.ArgumentError, match="entries=0"):
        tt.check_gradients(model, np.zeros((T, B, 2)), np.zeros((T, B, 1)), entries=0)
