"""Scalar functions for kernels and cells: by polynomials in float32, exact in float64 and in plain Python.

A call of the C library costs 7 to 12 ns and stops a loop from being vectorised; the forms below cost 0.2 to 0.4 ns
an element. NaN passes through all of them, and at infinity they have their limits, within the error that each states.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

from throughtime.machine.jit import equation

_f = np.float32
_INLINED = {"error_model": "numpy", "nogil": True, "forceinline": True}


def tanh(x: float) -> float:
    """Hyperbolic tangent; float32 within 4e-7."""
    return math.tanh(x)


def _tanh_float32(x):  # type: ignore[no-untyped-def]
    # Minimax rational of degree 13/6, the coefficients of Eigen's `generic_fast_tanh_float` (MPL-2). Beyond 7.9, where
    # tanh is 2.7e-7 short of 1, it stays as it is. The comparisons let NaN through, as min(max()) here does not.
    limit = _f(7.90531110763549805)
    x = limit if x > limit else (-limit if x < -limit else x)
    s = x * x
    p = _f(-2.76076847742355e-16)
    p = p * s + _f(2.00018790482477e-13)
    p = p * s + _f(-8.60467152213735e-11)
    p = p * s + _f(5.12229709037114e-08)
    p = p * s + _f(1.48572235717979e-05)
    p = p * s + _f(6.37261928875436e-04)
    p = p * s + _f(4.89352455891786e-03)
    q = _f(1.19825839466702e-06)
    q = q * s + _f(1.18534705686654e-04)
    q = q * s + _f(2.26843463243900e-03)
    q = q * s + _f(4.89352518554385e-03)
    return x * p / q


def _tanh_float64(x):  # type: ignore[no-untyped-def]
    return math.tanh(x)


@overload(tanh, jit_options=_INLINED)
def _tanh(x):  # type: ignore[no-untyped-def]
    return _tanh_float32 if x == types.float32 else _tanh_float64


def exp(x: float) -> float:
    """Exponential; float32 within 1e-7 relative, 0 below -87.7, infinite above 88.4."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _exp_float32(x):  # type: ignore[no-untyped-def]
    # x = k ln 2 + r with |r| <= ln 2 / 2; the polynomial for e^r and the two-part ln 2 are those of Cephes' expf.
    # At the limits k is -127 and 128, whose 2^k by its bits is 0 and infinity. NaN has no k: it takes that of a limit,
    # and passes through r.
    low, high = _f(-88.0), _f(89.0)
    c = high if x > high else (x if x > low else low)
    k = np.floor(c * _f(1.44269504) + _f(0.5))
    y = c if x == x else x
    r = y - k * _f(0.693359375) + k * _f(2.12194440e-4)
    p = _f(1.9875691500e-4)
    p = p * r + _f(1.3981999507e-3)
    p = p * r + _f(8.3334519073e-3)
    p = p * r + _f(4.1665795894e-2)
    p = p * r + _f(1.6666665459e-1)
    p = p * r + _f(5.0000001201e-1)
    two_to_k = np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)
    return (p * r * r + r + _f(1.0)) * two_to_k


def _exp_float64(x):  # type: ignore[no-untyped-def]
    return math.exp(x)


@overload(exp, jit_options=_INLINED)
def _exp(x):  # type: ignore[no-untyped-def]
    return _exp_float32 if x == types.float32 else _exp_float64


# Constants take their argument's type: a bare 1 or 0.5 would promote a float32 cell to float64.


@equation
def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), as (1 + tanh(x/2)) / 2, which does not overflow; float32 within 2e-7."""
    half = type(x)(0.5)
    return half * tanh(half * x) + half


@equation
def relu(x: float) -> float:
    """max(x, 0); NaN stays NaN."""
    zero = type(x)(0)
    return zero if x < zero else x


@equation
def tanh_slope(y: float) -> float:
    """Derivative of tanh, from its value y."""
    return type(y)(1) - y * y


@equation
def sigmoid_slope(y: float) -> float:
    """Derivative of the sigmoid, from its value y."""
    return y * (type(y)(1) - y)


@equation
def relu_slope(y: float) -> float:
    """Derivative of max(x, 0), from its value y; 0 at the kink. Where y is NaN a gradient is let through, to be seen."""
    return type(y)(0) if y <= type(y)(0) else type(y)(1)
