"""Recurrent layers as users meet them: parameters, validation, forward, backward, step."""

from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.cells.gru import gru
from throughtime.cells.lstm import lstm
from throughtime.cells.rnn import rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.errors import ArgumentError, CellError, ShapeError
from throughtime.initial import generator, uniform
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing
from throughtime.networks.dropout import Dropout
from throughtime.networks.inputs import Input, OneHot, Vectors
from throughtime.networks.stack import Stack, Trace
from throughtime.networks.validation import (
    check_array,
    check_ids,
    check_lengths,
    check_reset,
    require_count,
    require_dtype,
)
from throughtime.truncation import Full, Truncation

State = Array | tuple[Array, ...]

NONLINEARITIES = {"tanh": rnn_tanh, "relu": rnn_relu, "sigmoid": rnn_sigmoid}


class Recurrent:
    """Layers of any cell, stacked.

    Parameters
    ----------
    cell : Cell
        The equations of one step.
    input_size, hidden_size, num_layers : int
        Each layer above the first reads the one below.
    bias : bool
        Whether pre-activations have biases.
    dropout : float
        Probability, on the output of each layer but the last, while training.
    dtype : "float32" or "float64"
        Of the parameters and all that is computed.
    seed : int, numpy.random.Generator or None
        Of the start, uniform on +-1/sqrt(hidden_size), and of dropout.

    Attributes
    ----------
    params : dict of str to ndarray
        PyTorch's names and shapes: weight_ih_l0 (G*H, I), weight_hh_l0 (G*H, H), bias_ih_l0 and bias_hh_l0 (G*H,),
        gates in the cell's order; a cell's own parameters as alpha_l0 (H,).

    Examples
    --------
    >>> import numpy as np
    >>> from throughtime.cells import gru
    >>> layer = Recurrent(gru, input_size=3, hidden_size=4, seed=0)
    >>> y, state, trace = layer.forward(np.ones((7, 2, 3), np.float32))
    >>> y.shape, state.shape
    ((7, 2, 4), (1, 2, 4))
    >>> dx, grads, dstate = layer.backward(trace, np.ones_like(y))
    >>> dx.shape, grads["weight_hh_l0"].shape
    ((7, 2, 3), (12, 4))
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if not isinstance(cell, Cell):
            raise CellError(
                f"cell of type {type(cell).__name__} found; expected a throughtime.Cell. Use tt.LSTM, tt.GRU, tt.RNN, or "
                "make a Cell from two functions."
            )
        self.cell = cell
        self.input_size = require_count("input_size", input_size)
        self.hidden_size = require_count("hidden_size", hidden_size)
        self.num_layers = require_count("num_layers", num_layers)
        self.bias = bias
        self.dtype = require_dtype(dtype)
        rng = generator(seed)
        self.params = self._start(rng)
        self.stack = Stack(cell, hidden_size, num_layers, Dropout(dropout, rng), self.dtype)

    def forward(
        self,
        x: Array,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
        training: bool = False,
    ) -> tuple[Array, State, Trace]:
        """Run over a sequence.

        Parameters
        ----------
        x : (T, B, I), or token ids (T, B) of int
            Ids stand for one-hot vectors.
        state : (num_layers, B, H), for LSTM a pair of them; or None for zeros
        reset : (T, B) of bool
            Where true, the state that enters the step is zero and no gradient crosses.
        lengths : (B,) of int
            Outputs beyond a sequence's end are zero; its final state is that of its last step.
        training : bool
            Whether dropout acts.

        Returns
        -------
        y : (T, B, H)
        state : as the argument
            After the last step.
        trace : Trace
            For `backward`. It owns its buffers: `y` is a view of one of them.

        Raises
        ------
        ShapeError, DtypeError, TokenError
            An argument of the wrong shape or type, an id out of range.
        """
        source = self.source(x)
        T, B = source.T, source.B
        reset, lengths = check_reset(reset, T, B), check_lengths(lengths, T, B)
        with computing():
            y, final, trace = self.stack.forward(
                self.params, source, self.state_in("state", state, B), reset, lengths, training, Buffers()
            )
        return y, self.state_out(final), trace

    def backward(
        self,
        trace: Trace,
        dy: Array | None,
        dstate: State | None = None,
        truncation: Truncation | None = None,
    ) -> tuple[Array | None, dict[str, Array], State]:
        """Go back over a forward pass.

        Parameters
        ----------
        trace : Trace
            Of `forward`, with the parameters as they were.
        dy : (T, B, H), or None for zeros
            dE/dy.
        dstate : as the state, or None for zeros
            Gradient of the last state; under `Window`, it counts as the last step's own.
        truncation : Full(), Window(k) or Chunk(k)
            Full() by default.

        Returns
        -------
        dx : (T, B, I); None where x was token ids
        grads : dict of str to ndarray
            As `params`.
        dstate_in : as the state
            Gradient of the initial state.
        """
        T, B, H = trace.T, trace.B, self.hidden_size
        if dy is not None:
            dy = check_array("dy", dy, (T, B, H), ("T", "batch", "hidden_size"), self.dtype)
        with computing():
            grads = self.stack.backward(
                self.params, trace, dy, self.state_in("dstate", dstate, B), truncation or Full(), Buffers()
            )
        ordered = {name: grads.params[name] for name in self.params}
        return grads.dinput, ordered, self.state_out(grads.dstate)

    def step(self, x: Array, state: State | None = None) -> tuple[Array, State]:
        """One step, for online use: x (B, I), or ids (B,); returns y (B, H) and the state."""
        x = np.asarray(x)
        if x.ndim not in (1, 2):
            raise ShapeError(
                f"x has shape {x.shape}; expected (batch, input_size={self.input_size}), or ids (batch,). "
                "Pass one step; forward takes sequences."
            )
        y, state, _ = self.forward(x[None], state)
        return y[0], state

    def state_in(self, name: str, state: State | None, B: int) -> Array | None:
        """A state as (STATES, num_layers, B, H), checked."""
        if state is None:
            return None
        parts = state if isinstance(state, tuple | list) else (state,)
        names = self.cell.states
        if len(parts) != len(names):
            raise ShapeError(
                f"{name} has {len(parts)} parts; expected {len(names)}, ({', '.join(names)}), as this cell has. "
                f"Pass {name}=None for zeros."
            )
        shape = self.num_layers, B, self.hidden_size
        axes = "num_layers", "batch", "hidden_size"
        return np.stack([check_array(name, part, shape, axes, self.dtype) for part in parts])

    def state_out(self, state: Array) -> State:
        """(STATES, num_layers, B, H) as users see it: an array, or a tuple of them."""
        return tuple(state) if len(self.cell.states) > 1 else state[0]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.cell.name}, input_size={self.input_size}, "
            f"hidden_size={self.hidden_size}, num_layers={self.num_layers}, dtype={self.dtype.name})"
        )

    def source(self, x: Array) -> Input:
        """x (T, B, I) or ids (T, B), checked, as the layers read it."""
        x = np.asarray(x)
        if x.dtype.kind in "iu":
            return OneHot(check_ids("x", x, self.input_size))
        if x.ndim != 3 or 0 in x.shape[:2]:
            raise ShapeError(
                f"x has shape {x.shape}; expected (T, batch, input_size={self.input_size}) with at least one step and "
                "one sequence. Use x[:, None] to make a batch of one sequence."
            )
        axes = "T", "batch", "input_size"
        return Vectors(check_array("x", x, (*x.shape[:2], self.input_size), axes, self.dtype))

    def _start(self, rng: np.random.Generator) -> dict[str, Array]:
        G, H = len(self.cell.gates), self.hidden_size
        params: dict[str, Array] = {}
        for k in range(self.num_layers):
            shapes: dict[str, tuple[int, ...]] = {
                f"weight_ih_l{k}": (G * H, H if k else self.input_size),
                f"weight_hh_l{k}": (G * H, H),
            }
            if self.bias:
                shapes |= {f"bias_ih_l{k}": (G * H,), f"bias_hh_l{k}": (G * H,)}
            params |= {name: uniform(rng, shape, H**-0.5, self.dtype) for name, shape in shapes.items()}
            for name, value in self.cell.parameters.items():
                params[f"{name}_l{k}"] = np.full(H, value, self.dtype)
        return params


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
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(lstm, input_size, hidden_size, num_layers, bias, dropout, dtype, seed)


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
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(gru, input_size, hidden_size, num_layers, bias, dropout, dtype, seed)


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
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        cell = find_cell("rnn", nonlinearity)
        super().__init__(cell, input_size, hidden_size, num_layers, bias, dropout, dtype, seed)


def find_cell(name: str | Cell, nonlinearity: str = "tanh") -> Cell:
    """The cell that a name means: rnn (with its nonlinearity), lstm, gru; a Cell stands for itself.

    Raises
    ------
    ArgumentError
        No cell or no nonlinearity of that name.
    """
    if isinstance(name, Cell):
        return name
    if name == "rnn":
        if nonlinearity not in NONLINEARITIES:
            raise ArgumentError(
                f"nonlinearity {nonlinearity!r} found; expected one of {', '.join(NONLINEARITIES)}. "
                "Use tanh, as the article does."
            )
        return NONLINEARITIES[nonlinearity]
    cells = {"lstm": lstm, "gru": gru}
    if name not in cells:
        raise ArgumentError(
            f"cell {name!r} found; expected rnn, lstm, gru or a throughtime.Cell. Use lstm to begin with."
        )
    return cells[name]
