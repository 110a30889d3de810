"""`check_cell` passes every cell that is right, and finds what only shows over time."""

import numpy as np
import pytest
from tests.cells.samples import linear, rich

import throughtime as tt
from throughtime import cells
from throughtime.cells import Cell, tanh, tanh_slope
from throughtime.machine.jit import COMPILING
from throughtime.networks import check_cell as module

EVERY_CELL = [cells.rnn_tanh, cells.rnn_relu, cells.rnn_sigmoid, cells.lstm, cells.gru, linear, rich]
# In plain Python each takes seconds, and the same lines.
SOME_CELLS = EVERY_CELL if COMPILING else [rich]


@pytest.mark.parametrize("cell", SOME_CELLS, ids=lambda cell: cell.name)
def test_every_cell_passes(cell):
    errors = tt.check_cell(cell)
    assert list(errors)[-5:] == ["full", "window:1", "chunk:2", "lags", "float32"]
    assert errors.pop("float32") < 1e-5
    assert errors.pop("lags") < 1e-13
    assert max(errors.values()) < 1e-7


def test_what_is_no_cell_is_refused():
    with pytest.raises(tt.CellError, match="cell of type str found"):
        tt.check_cell("gru")


def leaky_with(backward):
    def forward(a, state):
        h = tanh(a[0])
        return (h,), (h,)

    return Cell("wrong", forward, backward, gates=("h",))


def test_equations_are_checked_before_layers_are_made(monkeypatch):
    def backward(dstate, kept, state_prev, state):
        return (dstate[0],), (type(dstate[0])(0),)

    monkeypatch.setattr(module, "SequenceModel", None)
    with pytest.raises(tt.GradientError, match="cell 'wrong': da_h differs from central differences"):
        tt.check_cell(leaky_with(backward))


def test_layers_are_checked_by_themselves(monkeypatch):
    """With the equations' check gone, a wrong cell still fails."""

    def backward(dstate, kept, state_prev, state):
        (dh,), (h,) = dstate, kept
        return (dh * tanh_slope(h) * type(h)(1.001),), (type(h)(0),)

    monkeypatch.setattr(module, "check_equations", lambda cell, tolerance: {})
    with pytest.raises(tt.GradientError, match="differs from central differences"):
        tt.check_cell(leaky_with(backward))


@pytest.mark.compiled
def test_cell_that_float32_cannot_hold_is_found():
    """Equations that agree with each other, and lose most digits of float32."""

    def forward(a, state):
        big = type(a[0])(4e3)
        h = tanh((big + a[0]) - big)
        return (h,), (h,)

    def backward(dstate, kept, state_prev, state):
        (dh,), (h,) = dstate, kept
        return (dh * tanh_slope(h),), (type(h)(0),)

    with pytest.raises(tt.GradientError, match="cell 'coarse': gradients of the float32 comparison"):
        tt.check_cell(Cell("coarse", forward, backward, gates=("h",)))


def test_gradient_that_is_not_finite_counts_as_infinitely_wrong():
    exact = {"w": np.ones(3)}
    assert module._worst({"w": np.array([1.0, np.nan, 1.0])}, exact) == np.inf
    assert module._worst({"w": np.full(3, 1.5)}, exact) == 0.5
