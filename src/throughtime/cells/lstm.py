"""Long short-term memory: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""

from throughtime.cells.cell import Cell
from throughtime.machine.functions import sigmoid, sigmoid_slope, tanh, tanh_slope
from throughtime.machine.jit import equation


def _forward(a, state):  # type: ignore[no-untyped-def]
    a_i, a_f, a_g, a_o = a
    h_prev, c_prev = state
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    h = o * tanh(c)
    return (h, c), (i, f, g, o)


@equation
def _total(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    dh, dc = dstate
    i, f, g, o = kept
    h, c = state
    return dh, dc + dh * o * tanh_slope(tanh(c))  # c's own path through h; tanh(c) is cheaper again than kept


def _backward(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    dh, dc = _total(dstate, kept, state_prev, state)  # type: ignore[no-untyped-call]
    i, f, g, o = kept
    h_prev, c_prev = state_prev
    h, c = state
    da_i = dc * g * sigmoid_slope(i)
    da_f = dc * c_prev * sigmoid_slope(f)
    da_g = dc * i * tanh_slope(g)
    da_o = dh * tanh(c) * sigmoid_slope(o)
    dc_prev = dc * f  # the gradient's highway: no weight matrix on this path
    return (da_i, da_f, da_g, da_o), (type(dh)(0), dc_prev)


lstm = Cell(
    "lstm",
    _forward,
    _backward,
    gates=("i", "f", "g", "o"),
    states=("h", "c"),
    activations={"i": "sigmoid", "f": "sigmoid", "g": "tanh", "o": "sigmoid"},
    total=_total,
)
