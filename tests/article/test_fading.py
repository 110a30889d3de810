"""How the gradient fades: the norms lag by lag against differences, and the claims made of the Jacobian."""

import math

import numpy as np
import pytest

from throughtime.article import RNN, bptt, jacobian, profile, state_gradient_norms, tanh


def test_state_gradient_norms_match_differences_of_the_state() -> None:
    model = RNN(word_dim=6, hidden_dim=4, seed=5)
    model.U *= 3.0
    x, y = [0, 3, 3, 5, 3], [3, 3, 5, 3, 1]
    norms = state_gradient_norms(model, x, y)
    states = model.states(x)

    def loss_from(k: int, state: np.ndarray, t: int) -> float:
        for j in range(k + 1, t + 1):
            state = tanh(model.U[:, x[j]] + model.W @ state)
        scores = model.V @ state
        return float(np.log(np.exp(scores).sum()) - scores[y[t]])

    h = 1e-5
    for t in range(5):
        for k in range(t + 1):
            slopes = [
                (loss_from(k, states[k] + h * unit, t) - loss_from(k, states[k] - h * unit, t)) / (2 * h)
                for unit in np.eye(4)
            ]
            assert norms[t, t - k] == pytest.approx(np.linalg.norm(slopes), rel=1e-8)


def test_state_gradient_norms_say_nan_where_the_sentence_has_no_step() -> None:
    norms = state_gradient_norms(RNN(6, 4, seed=0), [0, 3, 2], [3, 2, 1])
    assert np.array_equal(np.isnan(norms), np.triu(np.ones((3, 3), bool), 1)[:, ::1])


def test_state_gradient_norms_ignore_the_truncation() -> None:
    whole = state_gradient_norms(RNN(6, 4, bptt_truncate=None, seed=0), [0, 3, 2], [3, 2, 1])
    truncated = state_gradient_norms(RNN(6, 4, bptt_truncate=0, seed=0), [0, 3, 2], [3, 2, 1])
    np.testing.assert_array_equal(whole, truncated)


def test_profile_of_a_rotation_stays_and_of_a_shrinking_one_falls_as_its_factor() -> None:
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    for factor in (1.0, 0.7):
        model = RNN(word_dim=3, hidden_dim=2, seed=0)
        model.U[...] = 0.0  # the state stays 0, where tanh is the identity
        model.W[...] = factor * quarter
        model.V[...] = [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
        phi = profile(state_gradient_norms(model, [0] * 9, [1] * 9))
        np.testing.assert_allclose(phi / phi[0], factor ** np.arange(9), rtol=1e-13)


def test_profile_falls_by_one_over_root_three_at_the_usual_start() -> None:
    model = RNN(word_dim=8000, hidden_dim=100, seed=0)
    words = np.random.default_rng(0).integers(0, 8000, 21)
    phi = profile(state_gradient_norms(model, words[:-1], words[1:]))
    factor = (phi[10] / phi[0]) ** (1 / 10)
    assert factor == pytest.approx(1 / math.sqrt(3), rel=0.1)


def test_jacobian_matches_differences_of_the_state() -> None:
    model = RNN(word_dim=5, hidden_dim=3, seed=2)
    before, h = np.array([0.3, -0.5, 0.1]), 1e-5

    def state(previous: np.ndarray) -> np.ndarray:
        return tanh(model.U[:, 4] + model.W @ previous)

    columns = [(state(before + h * unit) - state(before - h * unit)) / (2 * h) for unit in np.eye(3)]
    np.testing.assert_allclose(jacobian(model, state(before)), np.transpose(columns), rtol=1e-8)


def test_jacobian_has_a_norm_above_one_at_the_usual_start() -> None:
    model = RNN(word_dim=8000, hidden_dim=100, seed=0)
    s = model.states([17])[0]
    norm, bound = np.linalg.norm(jacobian(model, s), 2), np.linalg.norm(model.W, 2)
    assert 1.0 < norm <= bound
    assert np.abs(np.linalg.eigvals(model.W)).max() < 1.0


def test_gradient_explodes_without_a_nan() -> None:
    model = RNN(word_dim=5, hidden_dim=4, bptt_truncate=None, seed=0)
    model.U[...] = 0.0
    model.W[...] = 3.0 * np.eye(4)
    model.V[...] *= 10.0
    d = bptt(model, [0] * 40, [1] * 40)
    assert np.isfinite(d.U).all()
    assert np.linalg.norm(d.U) > 1e15
