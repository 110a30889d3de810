"""Cells for tests: one whose gradients are known in closed form, one that has all that a cell can have."""

from throughtime.cells import Cell, sigmoid, sigmoid_slope, tanh, tanh_slope


def _forward_linear(a, state):
    return (a[0],), (a[0],)


def _backward_linear(dstate, kept, state_prev, state):
    (dh,) = dstate
    return (dh,), (type(dh)(0),)


linear = Cell("linear", _forward_linear, _backward_linear, gates=("h",), activations={"h": "identity"})


def _total_rich(dstate, kept, state_prev, state, rho):
    dh, dm = dstate
    h, m = state
    return dh, dm + dh * tanh_slope(tanh(m))


def _forward_rich(a, state, rho):
    a_p, ax_q, ah_q = a
    h_prev, m_prev = state
    p, q = sigmoid(a_p), tanh(ax_q + ah_q * ah_q)
    m = rho * m_prev + p * q
    h = tanh(m) + rho * h_prev
    return (h, m), (p, q, ah_q)


def _backward_rich(dstate, kept, state_prev, state, rho):
    dh, dm = dstate
    p, q, ah_q = kept
    h_prev, m_prev = state_prev
    h, m = state
    dm = dm + dh * tanh_slope(h - rho * h_prev)
    da_p = dm * q * sigmoid_slope(p)
    dax_q = dm * p * tanh_slope(q)
    dah_q = dax_q * (ah_q + ah_q)
    drho = dm * m_prev + dh * h_prev
    return (da_p, dax_q, dah_q), (dh * rho, dm * rho), drho


rich = Cell(
    "rich",
    _forward_rich,
    _backward_rich,
    gates=("p", "q"),
    states=("h", "m"),
    apart=1,
    parameters={"rho": 0.6},
    activations={"p": "sigmoid", "q": "tanh"},
    total=_total_rich,
)
