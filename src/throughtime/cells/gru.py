"""Gated recurrent unit: Cho et al. (2014), in cuDNN's and PyTorch's form.

The reset gate acts on the recurrent half of the candidate, after its product with the weights:
n = tanh(ax_n + r * ah_n), so the two halves are kept apart.
"""

from throughtime.cells.cell import Cell
from throughtime.machine.functions import sigmoid, sigmoid_slope, tanh, tanh_slope


def _forward(a, state):  # type: ignore[no-untyped-def]
    a_r, a_z, ax_n, ah_n = a
    (h_prev,) = state
    r, z = sigmoid(a_r), sigmoid(a_z)
    n = tanh(ax_n + r * ah_n)
    h = n + z * (h_prev - n)  # (1 - z) n + z h_prev
    return (h,), (r, z, n, ah_n)


def _backward(dstate, kept, state_prev, state):  # type: ignore[no-untyped-def]
    (dh,) = dstate
    r, z, n, ah_n = kept
    (h_prev,) = state_prev
    dax_n = (dh - dh * z) * tanh_slope(n)
    dah_n = dax_n * r
    da_r = dax_n * ah_n * sigmoid_slope(r)
    da_z = dh * (h_prev - n) * sigmoid_slope(z)
    return (da_r, da_z, dax_n, dah_n), (dh * z,)


gru = Cell(
    "gru",
    _forward,
    _backward,
    gates=("r", "z", "n"),
    apart=1,
    activations={"r": "sigmoid", "z": "sigmoid", "n": "tanh"},
)
