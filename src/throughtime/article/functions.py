"""The article's activations with their derivatives, and the softmax of its output.

A derivative is given as a function of the pre-activation `a`, as the article's figure draws it.
During BPTT the same number comes cheaper from the activation itself: tanh'(a) = 1 - s**2.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def tanh(a: Array) -> Array:
    """Hyperbolic tangent, values in (-1, 1).

    >>> tanh(np.array([0.0]))
    array([0.])
    """
    return np.tanh(a)


def tanh_derivative(a: Array) -> Array:
    """1 - tanh(a)**2: values in (0, 1], the largest, 1, at a = 0.

    >>> tanh_derivative(np.array([0.0]))
    array([1.])
    """
    return 1.0 - np.tanh(a) ** 2


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), values in (0, 1).

    It is taken from tanh, which cannot overflow: sigmoid(a) = (1 + tanh(a/2)) / 2.

    >>> sigmoid(np.array([-1000.0, 0.0]))
    array([0. , 0.5])
    """
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def sigmoid_derivative(a: Array) -> Array:
    """sigmoid(a) * (1 - sigmoid(a)): values in (0, 1/4], the largest, 1/4, at a = 0.

    >>> sigmoid_derivative(np.array([0.0]))
    array([0.25])
    """
    y = sigmoid(a)
    return y * (1.0 - y)


def softmax(z: Array) -> Array:
    """exp(z_i) / sum_j exp(z_j) along the last axis.

    The largest z is subtracted first: the quotient stays the same and exp cannot overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    o: Array = powers / powers.sum(axis=-1, keepdims=True)
    return o


def log_softmax(z: Array) -> Array:
    """log(softmax(z)) along the last axis, finite even where the probability itself rounds to zero.

    >>> log_softmax(np.array([0.0, -2000.0]))
    array([    0., -2000.])
    """
    shifted = z - z.max(axis=-1, keepdims=True)
    log_o: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_o
