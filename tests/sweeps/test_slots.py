"""A sweep is made once for each cell, under the cell's name."""

import numpy as np
from tests.sweeps.loop import Layer

from throughtime.cells import Cell, gru, lstm, rnn_tanh
from throughtime.machine.jit import python_function
from throughtime.sweeps import slots
from throughtime.sweeps.unroll import unroll


def test_sweep_is_the_same_for_every_layer_of_a_cell():
    assert slots.for_cell(unroll, lstm) is slots.for_cell(unroll, lstm)
    assert slots.for_cell(unroll, lstm) is not slots.for_cell(unroll, gru)


def test_sweep_is_named_after_the_cell_and_its_sources():
    name = python_function(slots.for_cell(unroll, gru)).__qualname__
    assert name.startswith("unroll_gru_")


def test_cells_of_one_name_do_not_share_a_sweep():
    def forward(a, state):
        return (a[0] + a[0],), (a[0],)

    def backward(dstate, kept, state_prev, state):
        return (dstate[0] + dstate[0],), (type(dstate[0])(0),)

    impostor = Cell("rnn_tanh", forward, backward, gates=("h",))
    layer = Layer(impostor)
    np.testing.assert_allclose(layer.unrolled()[-1], layer.run()[0], atol=1e-13)
    assert slots.for_cell(unroll, impostor) is not slots.for_cell(unroll, rnn_tanh)


def test_template_runs_as_plain_python_for_the_plain_rnn():
    layer = Layer(rnn_tanh)
    states = np.zeros((1, layer.T + 1, layer.B, layer.H))
    states[:, 0] = layer.initial
    sweep, slots_made = python_function(slots.for_cell(unroll, rnn_tanh)), unroll.__globals__
    assert sweep.__code__ is unroll.__code__
    assert slots_made["GATES"] == slots.GATES == len(rnn_tanh.gates)
    assert slots_made["forward"] is slots.forward is rnn_tanh.forward
