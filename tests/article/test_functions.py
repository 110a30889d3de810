"""The activations against their definitions, and their derivatives against differences."""

import numpy as np
import pytest

from throughtime.article import sigmoid, sigmoid_derivative, softmax, tanh, tanh_derivative
from throughtime.article.functions import log_softmax

POINTS = np.linspace(-6.0, 6.0, 121)


def test_activations_are_their_definitions() -> None:
    up, down = np.exp(POINTS), np.exp(-POINTS)
    np.testing.assert_allclose(tanh(POINTS), (up - down) / (up + down), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(sigmoid(POINTS), 1 / (1 + down), rtol=1e-13)


@pytest.mark.parametrize(
    ("function", "derivative", "largest"), [(tanh, tanh_derivative, 1.0), (sigmoid, sigmoid_derivative, 0.25)]
)
def test_derivatives_are_the_slopes_and_no_larger_than_said(function, derivative, largest) -> None:  # type: ignore[no-untyped-def]
    h = 1e-5
    slopes = (function(POINTS + h) - function(POINTS - h)) / (2 * h)
    np.testing.assert_allclose(derivative(POINTS), slopes, atol=1e-10)
    assert derivative(POINTS).max() == derivative(np.zeros(1))[0] == largest


def test_softmax_is_a_distribution_however_large_the_scores() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [-1e4, 0.0, 1e4]])
    o = softmax(scores)
    np.testing.assert_allclose(o.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(o[0], np.exp(scores[0]) / np.exp(scores[0]).sum(), rtol=1e-15)
    np.testing.assert_allclose(np.exp(log_softmax(scores)), o, rtol=1e-14)
    np.testing.assert_array_equal(log_softmax(scores)[1], [-2e4, -1e4, 0.0])
