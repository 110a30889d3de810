"""What may be a cell, and what is said of what may not."""

import copy
import pickle
import re

import numpy as np
import pytest

from throughtime.cells import Cell, equation, gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.errors import CellError
from throughtime.machine.jit import python_function
from throughtime.machine.streams import ROWS


def forward(a, state):
    return (a[0],), (a[0],)


def backward(dstate, kept, state_prev, state):
    return (dstate[0],), (type(dstate[0])(0),)


def make(**changes):
    return Cell(
        **{"name": "mine", "forward": forward, "backward": backward, "gates": ("n",)} | changes,
    )


@pytest.mark.parametrize(
    ("changes", "found", "expected"),
    [
        ({"name": "my cell"}, "name ('my cell',)", "identifiers, each once"),
        ({"gates": ()}, "gates ()", "at least one"),
        ({"gates": ("n", "n")}, "gates ('n', 'n')", "each once"),
        ({"gates": ("n", 3)}, "gates ('n', 3)", "identifiers"),
        ({"states": ()}, "states ()", "at least one"),
        ({"parameters": {"a b": 1.0}}, "parameters ('a b',)", "identifiers"),
        ({"parameters": {"bias_ih": 1.0}}, "parameter 'bias_ih'", "none of weight_ih"),
        ({"parameters": {"alpha": "much"}}, "alpha='much'", "a finite number"),
        ({"parameters": {"alpha": float("nan")}}, "alpha=nan", "a finite number"),
        ({"apart": 2}, "apart=2", "0 to 1"),
        ({"apart": -1}, "apart=-1", "0 to 1"),
        ({"apart": "all"}, "apart='all'", "0 to 1"),
        ({"apart": 1.0}, "apart=1.0", "0 to 1"),
        ({"gates": [f"g{i}" for i in range(ROWS + 1)]}, f"{ROWS + 1} pre-activations", f"at most {ROWS}"),
        ({"states": [f"s{i}" for i in range(ROWS + 1)]}, f"{ROWS + 1} states", f"at most {ROWS}"),
        ({"forward": None}, "forward of type NoneType", "a Python function"),
        ({"backward": np.tanh}, "backward of type ufunc", "a Python function"),
    ],
)
def test_cell_refuses_what_makes_no_sense_in_one_line(changes, found, expected):
    with pytest.raises(CellError, match=re.escape(found)) as caught:
        make(**changes)
    message = str(caught.value)
    assert expected in message
    assert re.search(r"\. [A-Z][^.]*\.$", message), "no remedy at the end"
    assert "\n" not in message


def test_cell_counts_its_preactivations():
    assert [cell.preactivations for cell in (make(), lstm, gru)] == [1, 4, 4]


def test_cell_as_large_as_a_sweep_can_hold_is_made():
    cell = make(gates=[f"g{i}" for i in range(ROWS - 2)], apart=1, parameters={"alpha": np.float32(0.5)})
    assert cell.preactivations + len(cell.parameters) == ROWS


def test_cell_takes_functions_that_are_compiled_already():
    cell = make(forward=equation(forward))
    assert python_function(cell.forward).__code__ is forward.__code__


def test_cell_shows_what_it_is():
    assert repr(make()) == "Cell('mine', gates=('n',), states=('h',))"
    assert repr(gru) == "Cell('gru', gates=('r', 'z', 'n'), states=('h',), apart=1)"
    assert repr(make(parameters={"alpha": 0.5})).endswith("parameters={'alpha': 0.5})")
    assert repr(make(direct=False)) == "Cell('mine', gates=('n',), states=('h',), direct=False)"


def test_only_the_plain_rnn_has_no_direct_path():
    assert make().direct
    assert [cell.direct for cell in (rnn_tanh, rnn_relu, rnn_sigmoid, lstm, gru)] == [False] * 3 + [True] * 2


def test_cell_keeps_its_own_copy_of_what_it_was_made_of():
    gates, parameters = ["n"], {"alpha": 0.5}
    cell = make(gates=gates, parameters=parameters)
    gates.append("m")
    parameters["beta"] = 1.0
    assert (cell.gates, cell.parameters) == (("n",), {"alpha": 0.5})


@pytest.mark.parametrize("cell", [lstm, gru, rnn_tanh, rnn_relu, rnn_sigmoid], ids=lambda cell: cell.name)
def test_copy_of_a_cell_is_the_cell_so_that_nothing_is_compiled_anew(cell):
    assert copy.deepcopy(cell) is cell
    assert pickle.loads(pickle.dumps(cell)) is cell
