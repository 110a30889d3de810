"""The package's cells by name."""

import copyreg
from typing import Any

from throughtime.cells.cell import Cell
from throughtime.cells.gru import gru
from throughtime.cells.lstm import lstm
from throughtime.cells.rnn import rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.errors import ArgumentError

NONLINEARITIES = {"tanh": rnn_tanh, "relu": rnn_relu, "sigmoid": rnn_sigmoid}
CELLS = {cell.name: cell for cell in (lstm, gru, *NONLINEARITIES.values())}


def is_named(cell: Cell) -> bool:
    """Whether a cell is one of the package's, and not a user's that goes by the name of one."""
    return CELLS.get(cell.name) is cell


def find_cell(name: str | Cell, nonlinearity: str = "tanh") -> Cell:
    """The cell that a name means: rnn (with its nonlinearity), lstm, gru, or the name of one of the package's Cells.

    A Cell stands for itself.

    Raises
    ------
    ArgumentError
        No cell or no nonlinearity of that name, or a nonlinearity for a cell that has its own.
    """
    if name == "rnn":
        if nonlinearity not in NONLINEARITIES:
            raise ArgumentError(
                f"nonlinearity {nonlinearity!r} found; expected one of {', '.join(NONLINEARITIES)}. "
                "Use tanh, as the article does."
            )
        return NONLINEARITIES[nonlinearity]
    if nonlinearity != "tanh":
        raise ArgumentError(
            f"nonlinearity {nonlinearity!r} found with cell {name!r}; expected it with the cell rnn alone, as others have "
            "their own. Leave it out, or use cell='rnn'."
        )
    if isinstance(name, Cell):
        return name
    if name not in CELLS:
        raise ArgumentError(
            f"cell {name!r} found; expected rnn, lstm, gru or a throughtime.Cell. Use lstm to begin with."
        )
    return CELLS[name]


def _reduced(cell: Cell) -> Any:
    """What a pickle holds of a cell: the name of one of the package's, so that it is found there and not compiled anew."""
    return (find_cell, (cell.name,)) if is_named(cell) else cell.__reduce_ex__(2)


copyreg.pickle(Cell, _reduced)
