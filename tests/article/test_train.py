"""The step of gradient descent, and that a run of steps learns."""

import math

import numpy as np
import pytest

from throughtime.article import RNN, bptt, sgd_step


def test_sgd_step_moves_each_parameter_by_the_rate_times_its_gradient() -> None:
    model, start = RNN(6, 4, 1, seed=0), RNN(6, 4, 1, seed=0)
    sgd_step(model, [0, 3, 3], [3, 3, 1], learning_rate=0.1)
    for name, gradient in bptt(start, [0, 3, 3], [3, 3, 1]).items():
        np.testing.assert_array_equal(model.parameters[name], start.parameters[name] - 0.1 * gradient)


def test_sgd_learns_a_sentence_that_needs_the_past() -> None:
    model = RNN(word_dim=6, hidden_dim=10, bptt_truncate=4, seed=0)
    x, y = [0, 3, 2, 3, 4], [3, 2, 3, 4, 1]  # after 3 comes 2, then 4: the word alone does not say which
    assert model.loss(x, y) / 5 == pytest.approx(math.log(6), abs=0.2)
    for _ in range(500):
        sgd_step(model, x, y, learning_rate=0.1)
    assert model.loss(x, y) / 5 < 0.05


@pytest.mark.parametrize("rate", [0.0, -0.005, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"^learning_rate is .*; expected a positive number\. "):
        sgd_step(RNN(6, 4, seed=0), [0], [1], learning_rate=rate)
