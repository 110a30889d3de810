"""Cells by name."""

import pytest
from tests.cells.samples import linear

from throughtime.cells import gru, lstm, rnn_relu, rnn_tanh
from throughtime.cells.named import CELLS, find_cell
from throughtime.errors import ArgumentError


def test_find_cell_finds_what_a_name_means():
    assert [find_cell(name) for name in ("rnn", "lstm", "gru", "rnn_relu")] == [rnn_tanh, lstm, gru, rnn_relu]
    assert find_cell("rnn", "relu") is rnn_relu
    assert find_cell(linear) is linear
    assert all(find_cell(name) is cell for name, cell in CELLS.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elman",), "cell 'elman' found; expected rnn, lstm, gru or a throughtime.Cell"),
        (("rnn", "elu"), "nonlinearity 'elu' found; expected one of tanh, relu, sigmoid"),
        (("gru", "relu"), "nonlinearity 'relu' found with cell 'gru'"),
    ],
)
def test_find_cell_refuses_what_it_does_not_know(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        find_cell(*arguments)
