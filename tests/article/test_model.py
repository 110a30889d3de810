"""The article's network: its start, its forward equations, its loss, and what it refuses."""

import math

import numpy as np
import pytest

from throughtime.article import RNN


def test_parameters_start_uniform_by_the_connections_that_enter() -> None:
    model = RNN(word_dim=400, hidden_dim=25, seed=0)
    for name, shape, edge in (
        ("U", (25, 400), 1 / math.sqrt(400)),
        ("V", (400, 25), 1 / math.sqrt(25)),
        ("W", (25, 25), 1 / math.sqrt(25)),
    ):
        parameter = model.parameters[name]
        assert parameter.shape == shape
        assert parameter.dtype == np.float64
        assert np.abs(parameter).max() <= edge
        # uniform in +-edge: standard deviation edge / sqrt(3); the bands are six standard errors wide
        assert parameter.std() == pytest.approx(edge / math.sqrt(3), rel=6 * 0.45 / math.sqrt(parameter.size))
        assert abs(parameter.mean()) < 6 * edge / math.sqrt(3 * parameter.size)


def test_parameters_are_those_of_the_seed() -> None:
    one, same, other = RNN(9, 4, seed=3), RNN(9, 4, seed=3), RNN(9, 4, seed=4)
    for name in "UVW":
        assert np.array_equal(one.parameters[name], same.parameters[name])
        assert not np.array_equal(one.parameters[name], other.parameters[name])


def test_forward_propagation_is_the_equations_with_one_hot_words() -> None:
    model = RNN(word_dim=7, hidden_dim=3, seed=1)
    x = [0, 5, 5, 2]
    o, s = model.forward_propagation(x)
    assert o.shape == (4, 7)
    assert s.shape == (5, 3)
    state = np.zeros(3)
    for t, word in enumerate(x):
        state = np.tanh(model.U @ np.eye(7)[word] + model.W @ state)
        scores = model.V @ state
        np.testing.assert_allclose(s[t], state, rtol=1e-14)
        np.testing.assert_allclose(o[t], np.exp(scores) / np.exp(scores).sum(), rtol=1e-14)


def test_state_before_the_sentence_is_the_row_never_written() -> None:
    _, s = RNN(word_dim=7, hidden_dim=3, seed=1).forward_propagation([6, 1])
    assert not s[-1].any()
    assert s[:-1].all()


def test_losses_are_the_logarithms_of_the_probabilities() -> None:
    model = RNN(word_dim=7, hidden_dim=3, seed=1)
    x, y = [0, 5, 5, 2], [5, 5, 2, 1]
    o, _ = model.forward_propagation(x)
    np.testing.assert_allclose(model.losses(x, y), [-math.log(o[t, y[t]]) for t in range(4)], rtol=1e-14)
    assert model.loss(x, y) == pytest.approx(sum(model.losses(x, y)), rel=1e-15)


def test_loss_stays_finite_where_the_probability_rounds_to_zero() -> None:
    model = RNN(word_dim=3, hidden_dim=1, seed=0)
    model.U[...], model.V[:, 0] = 100.0, [0.0, 0.0, 2000.0]
    assert model.forward_propagation([0])[0][0, 1] == 0.0
    assert model.loss([0], [1]) == pytest.approx(2000.0)


def test_loss_per_word_of_a_new_network_is_the_logarithm_of_the_vocabulary() -> None:
    model = RNN(word_dim=8000, hidden_dim=100, seed=0)
    words = np.random.default_rng(0).integers(0, 8000, 401)
    assert model.loss(words[:-1], words[1:]) / 400 == pytest.approx(math.log(8000), abs=1e-3)


def test_a_network_of_size_one_reads_a_sentence_of_one_word() -> None:
    model = RNN(word_dim=1, hidden_dim=1, seed=0)
    assert model.loss([0], [0]) == 0.0


@pytest.mark.parametrize(
    ("sizes", "name"), [((0, 3), "word_dim"), ((3, 0), "hidden_dim"), ((-2, 3), "word_dim")]
)
def test_a_size_below_one_is_refused(sizes: tuple[int, int], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*; expected at least 1\. "):
        RNN(*sizes)


@pytest.mark.parametrize("tau", [-1, -7, 2.0, True, "4"])
def test_a_truncation_that_is_no_number_of_lags_is_refused(tau: int) -> None:
    with pytest.raises(
        ValueError, match=r"^bptt_truncate is .*; expected .* of lags|expected 0 or more lags"
    ):
        RNN(5, 3, bptt_truncate=tau)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ([], [], ValueError, "the sentence is empty"),
        ([[0, 1]], [1, 2], ValueError, r"shape \(1, 2\); expected \(T,\)"),
        ([0.0, 1.0], [1, 2], ValueError, "type float64; expected whole numbers"),
        ([True, False], [1, 2], ValueError, "type bool; expected whole numbers"),
        ([0, 5], [1, 2], IndexError, r"word index 5; expected 0\.\.4"),
        ([0, 1], [1, -1], IndexError, r"word index -1; expected 0\.\.4"),
        ([0, 1, 2], [1, 2], ValueError, "x has 3 words and y has 2"),
    ],
)
def test_words_out_of_order_are_refused_in_one_line(
    x: list[int], y: list[int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        RNN(5, 3, seed=0).loss(x, y)
    assert "\n" not in str(raised.value)
