"""The settings and the parameters of a network, apart from what it computes."""

import copy
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.cells.named import find_cell
from throughtime.errors import ArgumentError, ShapeError
from throughtime.initial import begin, parse_initialisation, uniform
from throughtime.losses import losses
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.networks.layer import Recurrent
from throughtime.networks.scored import require_at
from throughtime.networks.validation import require_count, require_dtype

_BIASES = ("rnn.bias_ih_l", "rnn.bias_hh_l", "readout.bias")


class Parametrised:
    """What a network is made of: settings, and parameters that start from them, can be copied and exchanged.

    Attributes
    ----------
    params : dict of str to ndarray
        The only place where weights live: "rnn.weight_ih_l0" and so on, "readout.weight" (O, H), "readout.bias" (O,).
    shapes : dict of str to tuple of int
        Theirs.
    settings : dict
        The arguments that make this network again, weights apart, fit for JSON. A cell of your own is only named.
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        output_size: int,
        cell: str | Cell,
        nonlinearity: str,
        num_layers: int,
        bias: bool,
        dropout: float,
        loss: str,
        at: str,
        init: str,
        dtype: Any,
        rng: np.random.Generator,
    ) -> None:
        if loss not in losses:
            raise ArgumentError(
                f"loss {loss!r} found; expected one of {', '.join(losses)}. Use softmax for classes."
            )
        start = parse_initialisation(init)
        self.loss, self.at, self.bias = loss, require_at(at), bias
        self.output_size = require_count("output_size", output_size)
        self.dtype = require_dtype(dtype)
        self.layers = Recurrent(
            find_cell(cell, nonlinearity),
            input_size,
            hidden_size,
            num_layers,
            bias,
            dropout,
            dtype=dtype,
            seed=rng,
        )
        bound = hidden_size**-0.5
        self.params = {f"rnn.{name}": array for name, array in self.layers.params.items()}
        self.layers.params = {}  # a second name for a weight would go stale as soon as one is exchanged
        self.params["readout.weight"] = uniform(rng, (self.output_size, hidden_size), bound, self.dtype)
        if bias:
            self.params["readout.bias"] = uniform(rng, (self.output_size,), bound, self.dtype)
        if start.whole == "article":
            self._start_as_the_article(rng)
        self.settings: dict[str, Any] = {
            "hidden_size": self.layers.hidden_size,
            "cell": cell.name if isinstance(cell, Cell) else cell,
            "num_layers": self.layers.num_layers,
            "bias": bool(bias),
            "nonlinearity": nonlinearity,
            "dropout": float(dropout),
            "init": init,
            "dtype": self.dtype.name,
        }
        self.shapes: dict[str, tuple[int, ...]] = {}

    def _complete(self, rng: np.random.Generator, **settings: Any) -> None:
        """What a subclass's constructor ends with: its own settings; the parameters are all there, and keep their shapes."""
        self.settings = {**settings, **self.settings}
        with computing():  # one thread, so that a factorisation has the same bits on any number of cores
            begin(self.params, parse_initialisation(self.settings["init"]).items, self.layers.cell.gates, rng)
        self.shapes = {name: array.shape for name, array in self.params.items()}

    def _start_as_the_article(self, rng: np.random.Generator) -> None:
        """Uniform on +-1/sqrt(n), n the number of incoming connections; biases, which the article has not, zero."""
        for name, array in self.params.items():
            if array.ndim == 2:
                array[...] = uniform(rng, array.shape, array.shape[1] ** -0.5, self.dtype)
            elif name.startswith(_BIASES):
                array[...] = 0

    @property
    def num_params(self) -> int:
        """How many numbers the network learns."""
        return sum(array.size for array in self.params.values())

    def astype(self, dtype: Any) -> Self:
        """A copy with its own parameters, of another type."""
        made = copy.copy(self)
        made.dtype = require_dtype(dtype)
        made.layers = copy.copy(self.layers)
        made.layers.dtype = made.dtype
        made.layers.stack = copy.copy(self.layers.stack)
        made.layers.stack.dtype = made.dtype
        made.params = {name: array.astype(made.dtype, order="K") for name, array in self.params.items()}
        made.settings = {**self.settings, "dtype": made.dtype.name}
        return made

    def load_params(self, params: Mapping[str, Array]) -> None:
        """Copy `params` over the network's own.

        Raises
        ------
        ShapeError
            Names or shapes differ; nothing is changed then.
        """
        if set(params) != set(self.params):
            odd = sorted(set(params) ^ set(self.params))
            raise ShapeError(
                f"parameters {', '.join(odd)} are on one side only; expected exactly those of the network. "
                "Make the network with the settings that the weights were saved with."
            )
        for name, array in params.items():
            if array.shape != self.params[name].shape:
                raise ShapeError(
                    f"{name} has shape {array.shape}; expected {self.params[name].shape}. "
                    "Make the network with the settings that the weights were saved with."
                )
        for name, array in params.items():
            self.params[name][...] = array
