"""Cells, the contract they keep, and the functions that their equations may use."""

from throughtime.cells.cell import Cell
from throughtime.cells.check import check_equations
from throughtime.cells.gru import gru
from throughtime.cells.lstm import lstm
from throughtime.cells.named import find_cell
from throughtime.cells.rnn import rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.machine.functions import (
    exp,
    relu,
    relu_slope,
    sigmoid,
    sigmoid_slope,
    tanh,
    tanh_slope,
)
from throughtime.machine.jit import equation

__all__ = [
    "Cell",
    "check_equations",
    "equation",
    "exp",
    "find_cell",
    "gru",
    "lstm",
    "relu",
    "relu_slope",
    "rnn_relu",
    "rnn_sigmoid",
    "rnn_tanh",
    "sigmoid",
    "sigmoid_slope",
    "tanh",
    "tanh_slope",
]
