"""Elman's cell: h = f(W_ih x + b_ih + W_hh h_prev + b_hh), f one of tanh, ReLU, sigmoid.

Elman (1990), Finding structure in time; the article's s_t = tanh(U x_t + W s_{t-1}).
"""

from throughtime.cells.cell import Cell, Equation
from throughtime.machine.functions import relu, relu_slope, sigmoid, sigmoid_slope, tanh, tanh_slope


def _forward_tanh(a, state):  # type: ignore[no-untyped-def]
    h = tanh(a[0])
    return (h,), (h,)


def _backward_tanh(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    (dh,), (h,) = dstate, kept
    return (dh * tanh_slope(h),), (type(dh)(0),)


def _forward_relu(a, state):  # type: ignore[no-untyped-def]
    h = relu(a[0])
    return (h,), (h,)


def _backward_relu(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    (dh,), (h,) = dstate, kept
    return (dh * relu_slope(h),), (type(dh)(0),)


def _forward_sigmoid(a, state):  # type: ignore[no-untyped-def]
    h = sigmoid(a[0])
    return (h,), (h,)


def _backward_sigmoid(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    (dh,), (h,) = dstate, kept
    return (dh * sigmoid_slope(h),), (type(dh)(0),)


def _plain(activation: str, forward: Equation, backward: Equation) -> Cell:
    """Elman's cell with this activation."""
    return Cell(
        f"rnn_{activation}",
        forward,
        backward,
        gates=("h",),
        direct=False,
        activations={"h": activation},
    )


rnn_tanh = _plain("tanh", _forward_tanh, _backward_tanh)
rnn_relu = _plain("relu", _forward_relu, _backward_relu)
rnn_sigmoid = _plain("sigmoid", _forward_sigmoid, _backward_sigmoid)
