"""The gradient check: that it passes what is right, and above all that it does not pass what is wrong."""

import numpy as np
import pytest

from throughtime.article import (
    RNN,
    bptt,
    bptt_last_steps,
    gradient_check,
    last_steps_loss,
    numerical_gradient,
    relative_error,
    windowed_loss,
)

X, Y = [0, 3, 3, 5, 2], [3, 3, 5, 2, 1]


@pytest.fixture
def model() -> RNN:
    return RNN(word_dim=6, hidden_dim=4, bptt_truncate=1, seed=0)


@pytest.mark.parametrize("tau", [0, 2, None])
def test_windowed_loss_is_the_loss_where_nothing_has_moved(tau: int | None) -> None:
    model = RNN(word_dim=6, hidden_dim=4, bptt_truncate=tau, seed=0)
    assert windowed_loss(model, X, Y)() == pytest.approx(model.loss(X, Y), rel=1e-14)


def test_windowed_loss_holds_the_states_before_its_windows(model: RNN) -> None:
    truncated, whole = windowed_loss(model, X, Y), RNN(6, 4, None, seed=0)
    model.W *= 2.0
    whole.W *= 2.0
    assert abs(truncated() - whole.loss(X, Y)) > 1e-4  # 1e-15 if the states moved too


def test_last_steps_loss_is_the_sum_over_the_last_words(model: RNN) -> None:
    assert last_steps_loss(model, X, Y, 2)() == pytest.approx(model.losses(X, Y)[-2:].sum(), rel=1e-14)
    assert last_steps_loss(model, X, Y, 9)() == pytest.approx(model.loss(X, Y), rel=1e-14)


@pytest.mark.parametrize("name", ["U", "V", "W"])
def test_gradient_check_refuses_one_wrong_entry(model: RNN, name: str) -> None:
    wrong = bptt(model, X, Y)
    entry = (1, 3) if name == "U" else (1, 2)
    dict(wrong.items())[name][entry] += 1e-4
    with pytest.raises(
        ValueError, match=rf"^dE/d{name} differs from central differences by .*; expected at most"
    ):
        gradient_check(model, X, Y, gradients=wrong)


def test_gradient_check_refuses_another_truncation(model: RNN) -> None:
    whole = RNN(6, 4, None, seed=0)
    with pytest.raises(ValueError, match="differs from central differences"):
        gradient_check(model, X, Y, gradients=bptt(whole, X, Y))
    with pytest.raises(ValueError, match="differs from central differences"):
        gradient_check(model, X, Y, gradients=bptt_last_steps(model, X, Y, 2))


def test_gradient_check_refuses_nan(model: RNN) -> None:
    wrong = bptt(model, X, Y)
    wrong.W[0, 0] = np.nan
    with pytest.raises(ValueError, match="dE/dW differs from central differences by nan"):
        gradient_check(model, X, Y, gradients=wrong)


def test_gradient_check_of_a_few_entries_looks_where_the_gradient_is() -> None:
    model = RNN(word_dim=500, hidden_dim=4, seed=0)
    assert max(gradient_check(model, X, Y, entries=3).values()) < 1e-6
    wrong = bptt(model, X, Y)
    smallest = np.abs(wrong.U[:, 5]).argmin()
    wrong.U[smallest, 5] *= 1.1  # 4 words were read: 16 entries of 2000 are not zero
    with pytest.raises(ValueError, match="dE/dU"):
        gradient_check(model, X, Y, gradients=wrong, entries=16)


def test_gradient_check_puts_the_parameters_back_to_the_same_bits(model: RNN) -> None:
    before = {name: parameter.copy() for name, parameter in model.parameters.items()}
    gradient_check(model, X, Y)
    for name, parameter in model.parameters.items():
        assert np.array_equal(parameter, before[name])


def test_numerical_gradient_of_a_cubic_has_the_error_of_its_step() -> None:
    w = np.array([[2.0, 5.0]])
    found = numerical_gradient(w, lambda: float(w[0, 1] ** 3), [(0, 0), (0, 1)], h=1e-3)
    assert found[0] == 0.0
    assert found[1] == pytest.approx(75.0 + 1e-6, rel=1e-11)  # ((w+h)^3 - (w-h)^3) / 2h = 3 w^2 + h^2


def test_relative_error_is_scaled_by_the_largest_expected() -> None:
    assert relative_error(np.array([1.0, -3.0]), np.array([1.5, -2.0])) == 0.5
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0
    assert relative_error(np.ones(2), np.zeros(2)) == float("inf")
