"""What a sweep leaves open, and `for_cell`, which fills it in for one cell.

The templates refer to these names as globals. Their values here are those of the plain RNN, so that the templates
read, check and run as ordinary Python.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from throughtime.cells.cell import Cell
from throughtime.cells.rnn import rnn_tanh
from throughtime.machine.jit import equation, specialise
from throughtime.machine.products import PLAIN, Recurrence

F = TypeVar("F", bound=Callable[..., Any])


@equation
def own(dstate: Any, kept: Any, state_prev: Any, state: Any, *parameters: Any) -> Any:
    """The total gradient of a state with one part: there is no other for it to act through."""
    return dstate


forward, backward, total, matmul = rnn_tanh.forward, rnn_tanh.backward, own, PLAIN.multiply
GATES = 1  # blocks of H rows in the weights
APART = 0  # how many of the last gates keep their two halves apart
SUMMED = 1  # the other gates: GATES - APART
PREACTIVATIONS = 1  # GATES + APART
STATES = 1  # parts of the state; the first is h
REST = 0  # the parts beside h: STATES - 1
PARAMETERS = 0  # the cell's own per-unit parameters
UNIT = 1  # all that a unit has of its own, biases first: PREACTIVATIONS + PARAMETERS
SUMMING = True  # whether the lag-parallel sweep adds up by step what its rows bring
IN_PLACE = False  # whether the reverse sweep leaves gradients where the kept values were

# The streams of a sweep's loop over units (machine/streams.py).
S_INPUT, S_RECURRENT, S_BEFORE, S_AFTER, S_UNIT = 0, 1, 2, 3, 4
S_DSTATE, S_ABOVE, S_CARRIED, S_DINPUT, S_DRECURRENT, S_DUNIT, S_SUM = 5, 6, 7, 8, 9, 10, 11


_made: dict[tuple[Any, ...], Any] = {}


def for_cell(
    template: F, cell: Cell, summing: bool = True, in_place: bool = False, recurrence: Recurrence = PLAIN
) -> F:
    """The sweep `template`, compiled for `cell` and a product: the same one for every layer of that cell."""
    key = template, cell, summing, in_place, recurrence.multiply
    if key not in _made:
        _made[key] = _specialised(template, cell, summing, in_place, recurrence)
    sweep: F = _made[key]
    return sweep


def _specialised(template: F, cell: Cell, summing: bool, in_place: bool, recurrence: Recurrence) -> F:
    return specialise(
        template,
        f"{template.__name__}_{cell.name}_{recurrence.name}",
        matmul=recurrence.multiply,
        forward=cell.forward,
        backward=cell.backward,
        total=cell.total or own,
        GATES=len(cell.gates),
        APART=cell.apart,
        SUMMED=len(cell.gates) - cell.apart,
        PREACTIVATIONS=cell.preactivations,
        STATES=len(cell.states),
        REST=len(cell.states) - 1,
        PARAMETERS=len(cell.parameters),
        UNIT=cell.preactivations + len(cell.parameters),
        SUMMING=summing,
        IN_PLACE=in_place,
        S_DINPUT=S_INPUT if in_place else S_DINPUT,
        S_DRECURRENT=S_RECURRENT if in_place else S_DRECURRENT,
    )
