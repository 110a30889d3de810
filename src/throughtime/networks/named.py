"""The layers that have a name of their own: LSTM, GRU, RNN."""

from typing import Any

import numpy as np

from throughtime.cells.gru import gru
from throughtime.cells.lstm import lstm
from throughtime.cells.named import find_cell
from throughtime.networks.layer import Recurrent


class LSTM(Recurrent):
    """Long short-term memory; arguments as `Recurrent`, gates in the order i, f, g, o. The state is a pair (h, c).

    Examples
    --------
    >>> import numpy as np
    >>> layer = LSTM(3, 4, num_layers=2, seed=0)
    >>> y, (h, c), trace = layer.forward(np.zeros((5, 1, 3), np.float32))
    >>> h.shape
    (2, 1, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(lstm, input_size, hidden_size, num_layers, bias, dropout, bidirectional, dtype, seed)


class GRU(Recurrent):
    """Gated recurrent unit in PyTorch's form; arguments as `Recurrent`, gates in the order r, z, n.

    Examples
    --------
    >>> GRU(3, 4, seed=0).params["weight_ih_l0"].shape
    (12, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(gru, input_size, hidden_size, num_layers, bias, dropout, bidirectional, dtype, seed)


class RNN(Recurrent):
    """Elman's network; arguments as `Recurrent`, and `nonlinearity`: "tanh", "relu" or "sigmoid".

    Examples
    --------
    >>> RNN(3, 4, nonlinearity="relu", seed=0)
    RNN(rnn_relu, input_size=3, hidden_size=4, num_layers=1, dtype=float32)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        cell = find_cell("rnn", nonlinearity)
        super().__init__(cell, input_size, hidden_size, num_layers, bias, dropout, bidirectional, dtype, seed)
