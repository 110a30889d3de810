"""A batch divided among threads: the same gradients, and the same bits again."""

import itertools

import numpy as np
import pytest

import throughtime as tt
from throughtime.machine.workspace import Workspace
from throughtime.networks.scored import Scored
from throughtime.networks.shares import parts

T, B, I, H, O, V = 7, 5, 2, 4, 3, 9
TRUNCATIONS = [tt.Full(), tt.Window(2), tt.Chunk(3), tt.Chunk(2, 4)]
LENGTHS = np.array([7, 2, 5, 1, 6])
every_truncation = pytest.mark.parametrize("truncation", TRUNCATIONS, ids=str)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def assert_equal_to_rounding(found, expected):
    assert found.targets == expected.targets
    assert found.loss == pytest.approx(expected.loss, rel=1e-13)
    assert list(found.grads) == list(expected.grads)
    for name, gradient in expected.grads.items():
        assert np.abs(found.grads[name] - gradient).max() <= 1e-12 * np.abs(gradient).max(), name
    for part, other in zip(states(found.state), states(expected.state), strict=True):
        np.testing.assert_allclose(part, other, rtol=0, atol=1e-14)


def states(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.compiled
@every_truncation
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_gradients_do_not_depend_on_the_number_of_threads(cell, truncation):
    model = tt.SequenceModel(
        I, H, O, cell, num_layers=3, loss="softmax", dropout=0.4, dtype="float64", seed=0
    )
    rng = np.random.default_rng(1)
    x, targets = rng.standard_normal((T, B, I)), rng.integers(0, O, (T, B))
    targets[2, 1] = targets[0, 3] = -100
    more = {
        "reset": rng.random((T, B)) < 0.2,
        "state": [draw(3, B, H, seed=s) for s in range(1 + (cell == "lstm"))],
    }

    def run(threads, **arguments):
        model.layers.stack.dropout.rng = np.random.default_rng(5)
        return tt.bptt(model, x, targets, truncation=truncation, threads=threads, **more, **arguments)

    for arguments in ({}, {"training": True}, {"training": True, "lengths": LENGTHS}, {"reduction": "sum"}):
        whole = run(1, **arguments)
        for threads in (2, 3, 5, 99):
            assert_equal_to_rounding(run(threads, **arguments), whole)


@pytest.mark.parametrize("loss", ["squared", "softmax", "logistic"])
@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_every_loss_and_place_of_targets(loss, at, lengths):
    model = tt.SequenceModel(I, H, O, "gru", loss=loss, at=at, dtype="float64", seed=0)
    scored = (T, B) if at == "every" else (B,)
    rng = np.random.default_rng(1)
    targets = rng.integers(0, O, scored) if loss == "softmax" else rng.random((*scored, O))
    run = (draw(T, B, I), targets, None, None, "mean", None, lengths)
    assert_equal_to_rounding(tt.bptt(model, *run, threads=2), tt.bptt(model, *run))
    evaluated = [
        model.evaluate_loss(run[0], targets, workspace=Workspace(), lengths=lengths, threads=threads)
        for threads in (1, 2)
    ]
    assert evaluated[0][0] == pytest.approx(evaluated[1][0], rel=1e-13)
    assert evaluated[0][1] == evaluated[1][1]
    np.testing.assert_allclose(evaluated[0][2], evaluated[1][2], atol=1e-14)


@pytest.mark.parametrize(("embedding_size", "tied"), [(None, False), (3, False), (H, True)])
@pytest.mark.parametrize("vocab_size", [V, 200])  # tables shorter and longer than the text
def test_language_models(embedding_size, tied, vocab_size):
    model = tt.LanguageModel(
        vocab_size, H, "lstm", embedding_size=embedding_size, tied=tied, dtype="float64", seed=0
    )
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, V, (T, B)), rng.integers(0, V, (T, B))
    assert_equal_to_rounding(tt.bptt(model, x, y, threads=3), tt.bptt(model, x, y))


def test_a_share_without_targets_and_one_without_any_row():
    model = tt.LanguageModel(V, H, "gru", num_layers=2, dtype="float64", seed=0)
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, V, (T, B)), rng.integers(0, V, (T, B))
    y[:, :2] = -100
    for truncation in TRUNCATIONS:
        whole = tt.bptt(model, x, y, truncation=truncation)
        assert_equal_to_rounding(tt.bptt(model, x, y, truncation=truncation, threads=2), whole)
    y[:] = -100
    with pytest.raises(tt.ArgumentError, match="every target is -100"):
        tt.bptt(model, x, y, threads=2)


@pytest.mark.compiled
def test_the_same_number_of_threads_gives_the_same_bits():
    model = tt.LanguageModel(V, 33, "lstm", num_layers=2, dropout=0.3, seed=0)
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, V, (T, 16)), rng.integers(0, V, (T, 16))

    def run():
        model.layers.stack.dropout.rng = np.random.default_rng(5)
        return tt.bptt(model, x, y, training=True, threads=3)

    first = run()
    for _ in range(20):
        again = run()
        assert again.loss == first.loss
        for name, gradient in first.grads.items():
            assert np.array_equal(again.grads[name], gradient), name


def test_buffers_serve_any_number_of_threads_in_turn():
    model, workspace = tt.LanguageModel(V, H, "gru", dtype="float64", seed=0), Workspace()
    rng = np.random.default_rng(1)
    for threads, batch in ((1, B), (3, B), (2, 9), (1, 4)):
        x, y = rng.integers(0, V, (T, batch)), rng.integers(0, V, (T, batch))
        found = model.bptt(x, y, truncation=tt.Full(), workspace=workspace, threads=threads)
        assert_equal_to_rounding(found, tt.bptt(model, x, y))


def test_an_exception_in_a_share_reaches_the_caller(monkeypatch):
    model = tt.SequenceModel(I, H, O, "gru", loss="logistic", seed=0)
    targets = np.zeros((T, B, O), np.float32)
    targets[3, B - 1] = 2
    with pytest.raises(tt.ArgumentError, match="not a probability"):
        tt.bptt(model, draw(T, B, I).astype(np.float32), targets, threads=2)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_no_number_of_threads_is_refused(threads):
    model = tt.SequenceModel(I, H, O, "gru", seed=0)
    with pytest.raises(tt.ArgumentError, match="threads="):
        tt.bptt(model, np.zeros((T, B, I), np.float32), np.zeros((T, B, O), np.float32), threads=threads)


@pytest.mark.parametrize(("batch", "count"), list(itertools.product([1, 2, 5, 8], [1, 2, 3, 9])))
def test_parts_cover_the_batch_in_order_and_evenly(batch, count):
    found = parts(batch, count)
    assert [b for part in found for b in range(part.start, part.stop)] == list(range(batch))
    sizes = [part.stop - part.start for part in found]
    assert len(found) == min(batch, count)
    assert max(sizes) - min(sizes) <= 1


def test_rows_of_a_share_are_counted_in_that_share():
    every = np.arange(T * B).reshape(T, B)
    for rows in (None, np.array([1, 5, 7, 8, 33]), np.arange(0)):
        whole = Scored(rows, every.ravel() if rows is None else rows)
        for part in parts(B, 3):
            share = whole.share(part, T, B)
            own = every[:, part].ravel()
            np.testing.assert_array_equal(own if share.rows is None else own[share.rows], share.targets)
            assert (share.rows is None) == (rows is None)
