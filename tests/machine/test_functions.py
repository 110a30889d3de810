"""Scalar functions: accuracy over all of float32, and what NaN and infinity become."""

import math

import numpy as np
import pytest
from numba import njit

from throughtime.machine import functions
from throughtime.machine.jit import COMPILING

NAN, INF = math.nan, math.inf
SPECIAL = np.array([NAN, INF, -INF, 0.0, -0.0, 1e30, -1e30])


def mapped(function, x):
    """`function` of each entry, in a compiled loop as a kernel would call it."""

    @njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(x)
    loop(x, out)
    return out


def some_of_every_float32():
    """Positive and negative, denormal to huge, evenly over the bits."""
    stride = 1009 if COMPILING else 10_000_019
    positive = np.arange(0, 0x7F800000, stride, dtype=np.uint32).view(np.float32)
    return np.concatenate([-positive[::-1], positive])


def exact_sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


@pytest.mark.parametrize(
    ("name", "exact", "bound"), [("tanh", np.tanh, 4e-7), ("sigmoid", exact_sigmoid, 2e-7)]
)
def test_squashing_function_is_within_its_bound_everywhere_in_float32(name, exact, bound):
    x = some_of_every_float32()
    assert np.abs(mapped(getattr(functions, name), x) - exact(x.astype(float))).max() <= bound


def test_tanh_of_small_float32_is_relatively_exact():
    x = np.geomspace(1e-30, 0.1, 10_000 if COMPILING else 100, dtype=np.float32)
    assert np.abs(mapped(functions.tanh, x) / np.tanh(x.astype(float)) - 1).max() <= 4e-7


def test_exp_is_relatively_exact_in_float32():
    x = some_of_every_float32()
    x = x[(x > -87.3) & (x < 88.3)]
    assert np.abs(mapped(functions.exp, x) / np.exp(x.astype(float)) - 1).max() <= 1e-7


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "expected", "bound"),
    [
        ("tanh", [NAN, 1, -1, 0, 0, 1, -1], 4e-7),
        ("sigmoid", [NAN, 1, 0, 0.5, 0.5, 1, 0], 2e-7),
        ("exp", [NAN, INF, 0, 1, 1, INF, 0], 0),
        ("relu", [NAN, INF, 0, 0, 0, 1e30, 0], 1e23),
    ],
)
def test_function_at_nan_and_infinity(name, expected, bound, dtype):
    found = mapped(getattr(functions, name), SPECIAL.astype(dtype))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.parametrize(
    ("name", "of_value"),
    [("tanh", lambda y: 1 - y * y), ("sigmoid", lambda y: y * (1 - y)), ("relu", lambda y: (y > 0) * 1.0)],
)
def test_slope_is_the_derivative_in_terms_of_the_value(name, of_value):
    y = np.linspace(-1, 1, 21)
    np.testing.assert_allclose(mapped(getattr(functions, f"{name}_slope"), y), of_value(y), atol=1e-16)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "exp", "relu"])
def test_float64_is_that_of_the_c_library(name):
    x = np.linspace(-5, 5, 101)
    exact = {"tanh": np.tanh, "sigmoid": exact_sigmoid, "exp": np.exp, "relu": lambda x: np.maximum(x, 0)}[
        name
    ]
    np.testing.assert_allclose(mapped(getattr(functions, name), x), exact(x), rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize(("name", "bound"), [("tanh", 4e-7), ("exp", 1e-7)])
def test_float32_formula_holds_as_plain_python_too(name, bound):
    formula = getattr(functions, f"_{name}_float32")
    for x in np.linspace(-8, 8, 33, dtype=np.float32):
        exact = getattr(math, name)(x)
        assert formula(x).dtype == np.float32
        assert abs(formula(x) - exact) <= bound * max(1, exact)
        assert getattr(functions, f"_{name}_float64")(float(x)) == exact


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "exp", "relu"])
def test_function_takes_plain_numbers(name):
    assert isinstance(getattr(functions, name)(0.5), float)
    assert functions.exp(1000.0) == INF


def test_relu_lets_the_gradient_of_nan_through():
    """A gradient of 0 there would hide it from whoever looks for the cause."""
    assert mapped(functions.relu_slope, np.array([NAN], np.float32)) == 1
