"""Recurrent layers as users meet them: parameters, validation, forward, backward, step."""

from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError, CellError, ShapeError
from throughtime.initial import generator, uniform
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.bidirectional import SUFFIXES, BidirectionalStack, BidirectionalTrace
from throughtime.networks.dropout import Dropout
from throughtime.networks.inputs import Input, OneHot, Vectors
from throughtime.networks.stack import Layers, Stack
from throughtime.networks.trace import Trace
from throughtime.networks.validation import (
    as_array,
    check_array,
    check_ids,
    check_lengths,
    check_params,
    check_reset,
    require_count,
    require_dtype,
)
from throughtime.truncation import Truncation, require_truncation

State = Array | tuple[Array, ...]


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
    bidirectional : bool
        Whether each layer reads the sequence from both ends. Outputs are then (T, B, 2H), states have a row for each
        direction of each layer, and parameters of the second direction end in _reverse, all as PyTorch has them.
    dtype : "float32" or "float64"
        Of the parameters and all that is computed.
    seed : int, numpy.random.Generator or None
        Of the start, uniform on +-1/sqrt(hidden_size), and of dropout.

    Raises
    ------
    ArgumentError, DtypeError, CellError
        A setting out of range, or a cell that is none.

    Attributes
    ----------
    params : dict of str to ndarray
        PyTorch's names and shapes: weight_ih_l0 (G*H, I), weight_hh_l0 (G*H, H), bias_ih_l0 and bias_hh_l0 (G*H,),
        gates in the cell's order; a cell's own parameters as alpha_l0 (H,).
    shapes : dict of str to tuple of int
        Theirs.

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
        bidirectional: bool = False,
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
        self.bias, self.bidirectional = bias, bidirectional
        self.dtype = require_dtype(dtype)
        rng = generator(seed)
        self.shapes = self._shapes()
        self.params = self._start(rng)
        kind: type[Layers] = BidirectionalStack if bidirectional else Stack
        self.stack = kind(cell, hidden_size, num_layers, Dropout(dropout, rng), self.dtype)

    def forward(
        self,
        x: Array,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
        training: bool = False,
    ) -> tuple[Array, State, Trace | BidirectionalTrace]:
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
            For `backward`. It owns its buffers: `y` may be a view of one of them. It refers to `x`, `reset` and
            `lengths`, which must then be as they were.

        Raises
        ------
        ShapeError, DtypeError, TokenError, ArgumentError
            An argument of the wrong shape or type, an id or a length out of range, parameters exchanged for others.
        """
        source = self.source(x)
        check_params(self.params, self.shapes, self.dtype)
        T, B = source.T, source.B
        reset, lengths = check_reset(reset, T, B), check_lengths(lengths, T, B)
        state_in, masks = self.state_in("state", state, B), self.stack.masks(T, B, training)
        with computing():
            y, final, trace = self.stack.forward(
                self.params, source, state_in, reset, lengths, masks, Workspace()
            )
        return y, self.state_out(final), trace

    def backward(
        self,
        trace: Trace | BidirectionalTrace,
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
        truncation : Full(), Window(k), Chunk(k) or Chunk(k1, k2)
            Full() by default.

        Returns
        -------
        dx : (T, B, I); None where x was token ids
        grads : dict of str to ndarray
            As `params`.
        dstate_in : as the state
            Gradient of the initial state.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            An argument of the wrong shape or type, another layer's trace, no truncation.
        """
        if not isinstance(trace, Trace | BidirectionalTrace) or trace.owner is not self.stack:
            raise ArgumentError(
                f"trace is a {type(trace).__name__} that this layer did not make; expected what its own forward returned. "
                "Call forward first."
            )
        check_params(self.params, self.shapes, self.dtype)
        B = trace.B
        if dy is not None:
            width = self.directions * self.hidden_size
            axes = "T", "batch", "2 * hidden_size" if self.bidirectional else "hidden_size"
            dy = check_array("dy", dy, (trace.T, B, width), axes, self.dtype)
        with computing():
            grads = self.stack.backward(
                self.params,
                trace,
                dy,
                self.state_in("dstate", dstate, B),
                require_truncation(truncation),
                Workspace(),
            )
        ordered = {name: grads.params[name] for name in self.params}
        return grads.dinput, ordered, self.state_out(grads.dstate)

    def step(self, x: Array, state: State | None = None) -> tuple[Array, State]:
        """One step, for online use: x (B, I), or ids (B,); returns y (B, H) and the state.

        Raises
        ------
        ArgumentError
            The layer is bidirectional: it would have to know what comes.
        """
        if self.bidirectional:
            raise ArgumentError(
                "a single step found with bidirectional layers; expected one direction, as the other begins at the end "
                "of a sequence. Use forward on the whole sequence."
            )
        x = as_array("x", x)
        if x.ndim != (1 if x.dtype.kind in "iu" else 2):
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
        shape = self.directions * self.num_layers, B, self.hidden_size
        axes = "2 * num_layers" if self.bidirectional else "num_layers", "batch", "hidden_size"
        return np.stack([check_array(name, part, shape, axes, self.dtype) for part in parts])

    def state_out(self, state: Array) -> State:
        """(STATES, num_layers, B, H) as users see it: an array, or a tuple of them."""
        return tuple(state) if len(self.cell.states) > 1 else state[0]

    @property
    def directions(self) -> int:
        """2 if bidirectional, otherwise 1."""
        return 2 if self.bidirectional else 1

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.cell.name}, input_size={self.input_size}, "
            f"hidden_size={self.hidden_size}, num_layers={self.num_layers}, dtype={self.dtype.name})"
        )

    def source(self, x: Array) -> Input:
        """x (T, B, I) or ids (T, B), checked, as the layers read it."""
        x = as_array("x", x)
        if x.dtype.kind in "iu" and x.ndim != 3:
            return OneHot(check_ids("x", x, self.input_size))
        if x.ndim != 3 or 0 in x.shape[:2]:
            alone = "x[:, None, None]" if x.ndim == 1 else "x[:, None]"
            raise ShapeError(
                f"x has shape {x.shape}; expected (T, batch, input_size={self.input_size}) with at least one step and "
                f"one sequence. Use {alone} to make a batch of one sequence."
            )
        axes = "T", "batch", "input_size"
        return Vectors(check_array("x", x, (*x.shape[:2], self.input_size), axes, self.dtype))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        G, H = len(self.cell.gates), self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, suffix in self._suffixes():
            shapes[f"weight_ih{suffix}"] = G * H, self.directions * H if layer else self.input_size
            shapes[f"weight_hh{suffix}"] = G * H, H
            if self.bias:
                shapes[f"bias_ih{suffix}"] = shapes[f"bias_hh{suffix}"] = (G * H,)
            shapes |= {f"{name}{suffix}": (H,) for name in self.cell.parameters}
        return shapes

    def _suffixes(self) -> list[tuple[int, str]]:
        """Layer by layer, direction by direction: what the names of their parameters end in."""
        ways = SUFFIXES[: self.directions]
        return [(layer, f"_l{layer}{way}") for layer in range(self.num_layers) for way in ways]

    def _start(self, rng: np.random.Generator) -> dict[str, Array]:
        given = {
            f"{name}{suffix}": value
            for name, value in self.cell.parameters.items()
            for _, suffix in self._suffixes()
        }
        bound = self.hidden_size**-0.5
        return {
            name: np.full(shape, given[name], self.dtype)
            if name in given
            else uniform(rng, shape, bound, self.dtype)
            for name, shape in self.shapes.items()
        }
