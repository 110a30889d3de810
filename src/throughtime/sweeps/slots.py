"""What a sweep leaves open, and `for_cell`, which fills it in for one cell.

The templates refer to these names as globals. Their values here are those of the plain RNN, so that the templates
read, check and run as ordinary Python.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from throughtime.cells.cell import Cell
from throughtime.cells.rnn import rnn_tanh
from throughtime.machine.jit import specialise
from throughtime.machine.products import blas

F = TypeVar("F", bound=Callable[..., Any])

forward, backward, matmul = rnn_tanh.forward, rnn_tanh.backward, blas
GATES = 1  # blocks of H rows in the weights
APART = 0  # how many of the last gates keep their two halves apart
SUMMED = 1  # the other gates: GATES - APART
PREACTIVATIONS = 1  # GATES + APART
STATES = 1  # parts of the state; the first is h
REST = 0  # the parts beside h: STATES - 1
PARAMETERS = 0  # the cell's own per-unit parameters
UNIT = 1  # all that a unit has of its own, biases first: PREACTIVATIONS + PARAMETERS

# The streams of a sweep's loop over units (machine/streams.py).
S_INPUT, S_RECURRENT, S_BEFORE, S_AFTER, S_UNIT = 0, 1, 2, 3, 4
S_DSTATE, S_ABOVE, S_CARRIED, S_DINPUT, S_DRECURRENT, S_DUNIT, S_SUM = 5, 6, 7, 8, 9, 10, 11


_made: dict[tuple[Any, Cell], Any] = {}


def for_cell(template: F, cell: Cell) -> F:
    """The sweep `template`, compiled for `cell`: the same one for every layer of that cell."""
    if (template, cell) not in _made:
        _made[template, cell] = _specialised(template, cell)
    sweep: F = _made[template, cell]
    return sweep


def _specialised(template: F, cell: Cell) -> F:
    return specialise(
        template,
        f"{template.__name__}_{cell.name}",
        forward=cell.forward,
        backward=cell.backward,
        GATES=len(cell.gates),
        APART=cell.apart,
        SUMMED=len(cell.gates) - cell.apart,
        PREACTIVATIONS=cell.preactivations,
        STATES=len(cell.states),
        REST=len(cell.states) - 1,
        PARAMETERS=len(cell.parameters),
        UNIT=cell.preactivations + len(cell.parameters),
    )
