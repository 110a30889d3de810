"""What sequence models and language models share: recurrent layers, a readout, a loss."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError, ShapeError
from throughtime.initial import begin, parse_initialisation, uniform
from throughtime.losses import count_targets, losses
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing
from throughtime.networks.inputs import Input
from throughtime.networks.layer import Recurrent, State, find_cell
from throughtime.networks.readout import differentiate_readout, read_out
from throughtime.networks.stack import Trace
from throughtime.networks.validation import (
    check_array,
    check_ids,
    check_lengths,
    check_params,
    check_reset,
    require_count,
    require_dtype,
)
from throughtime.targets import IGNORED
from throughtime.truncation import Truncation

_BIASES = ("rnn.bias_ih_l", "rnn.bias_hh_l", "readout.bias")


@dataclass
class BPTT:
    """What `throughtime.bptt` found.

    Attributes
    ----------
    loss : float
        Reduced as asked: the mean over the targets that count, or the sum.
    grads : dict of str to ndarray
        Of the reduced loss; names and shapes as the model's `params`.
    state : as the layer's
        After the last step.
    targets : int
        How many targets counted.
    """

    loss: float
    grads: dict[str, Array]
    state: State
    targets: int


class Network:
    """Recurrent layers with a readout and a loss; `SequenceModel` and `LanguageModel` say what is read.

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
        self.loss, self.at, self.bias = loss, _require_at(at), bias
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

    def forward(
        self,
        inputs: Array,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
        at: str | None = None,
    ) -> tuple[Array, State]:
        """Outputs and the last state, without dropout.

        Parameters
        ----------
        inputs, state, reset, lengths
            As `throughtime.bptt` has them.
        at : "every", "last" or None
            None for the model's own.

        Returns
        -------
        outputs : (T, B, O), or (B, O) at the last step
            Before the loss's own nonlinearity: logits for softmax and logistic.
        state : as the layer's

        Raises
        ------
        ShapeError, DtypeError, TokenError, ArgumentError
            An argument does not fit the model, or its parameters were exchanged for others.
        """
        at = self.at if at is None else _require_at(at)
        buffers = Buffers()
        with computing():
            run = self._run(inputs, state, reset, lengths, False, buffers)
            rows = _last_rows(run.T, run.B, run.lengths) if at == "last" else None
            outputs = read_out(self._readout(), run.y, rows, buffers)
        return outputs.reshape((run.B, -1) if at == "last" else (run.T, run.B, -1)), run.state

    def step(self, x: Array, state: State | None = None) -> tuple[Array, State]:
        """One step: x (B, I) or ids (B,); returns outputs (B, O) and the state."""
        outputs, state = self.forward(np.asarray(x)[None], state)
        return outputs.reshape(-1, self.output_size), state

    def bptt(
        self,
        inputs: Array,
        targets: Array,
        *,
        truncation: Truncation,
        buffers: Buffers,
        state: State | None = None,
        reduction: str = "mean",
        reset: Array | None = None,
        lengths: Array | None = None,
        training: bool = False,
    ) -> BPTT:
        """Loss and gradients: `throughtime.bptt` has the arguments.

        With `buffers` of an earlier call, its gradients are overwritten.
        """
        grads: dict[str, Array] = {}
        with computing():
            run = self._run(inputs, state, reset, lengths, training, buffers)
            rows = self._scored_rows(run)
            wanted = self._targets(targets, run, rows)
            count = count_targets(wanted, self.loss)
            scale = _scale(reduction, count)
            outputs = read_out(self._readout(), run.y, rows, buffers)
            total, _ = losses[self.loss](outputs, wanted, scale)
            dy = differentiate_readout(self._readout(), outputs, run.y, rows, grads, buffers)
            back = self.layers.stack.backward(
                self._layer_params(),
                run.trace,
                dy.reshape(run.T, run.B, -1),
                None,
                truncation,
                buffers,
                self._wants_dinput(),
            )
            grads |= {f"rnn.{name}": array for name, array in back.params.items()}
            self._differentiate_input(back.dinput, grads)
        return BPTT(total * scale, {name: grads[name] for name in self.params}, run.state, count)

    def evaluate_loss(
        self,
        inputs: Array,
        targets: Array,
        *,
        buffers: Buffers,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
    ) -> tuple[float, int, State]:
        """Sum of the losses, number of targets, and the state after the last step; no gradient."""
        with computing():
            run = self._run(inputs, state, reset, lengths, False, buffers)
            rows = self._scored_rows(run)
            wanted = self._targets(targets, run, rows)
            outputs = read_out(self._readout(), run.y, rows, buffers)
            total, count = losses[self.loss](outputs, wanted, 1.0)
        return total, count, run.state

    def _run(
        self,
        inputs: Array,
        state: State | None,
        reset: Array | None,
        lengths: Array | None,
        training: bool,
        buffers: Buffers,
    ) -> "_Run":
        """The recurrent layers' part of a forward pass, arguments and parameters checked."""
        check_params(self.params, self.shapes, self.dtype)
        source = self._source(inputs)
        T, B = source.T, source.B
        lengths = check_lengths(lengths, T, B)
        y, final, trace = self.layers.stack.forward(
            self._layer_params(),
            source,
            self.layers.state_in("state", state, B),
            check_reset(reset, T, B),
            lengths,
            training,
            buffers,
        )
        return _Run(T, B, y.reshape(T * B, -1), self.layers.state_out(final), trace, lengths)

    def _source(self, inputs: Array) -> Input:
        return self.layers.source(inputs)

    def _readout(self) -> Mapping[str, Array]:
        """The readout's weight and bias under their own names."""
        return self.params

    def _wants_dinput(self) -> bool:
        return False

    def _differentiate_input(self, dinput: Array | None, grads: dict[str, Array]) -> None:
        pass

    def _layer_params(self) -> dict[str, Array]:
        return {
            name.removeprefix("rnn."): array for name, array in self.params.items() if name.startswith("rnn.")
        }

    def _scored_rows(self, run: "_Run") -> Array | None:
        """Which of the T * B output rows the loss sees; None for all."""
        if self.at == "last":
            return _last_rows(run.T, run.B, run.lengths)
        return None if run.lengths is None else np.flatnonzero(np.arange(run.T)[:, None] < run.lengths)

    def _targets(self, targets: Array, run: "_Run", rows: Array | None) -> Array:
        """Targets of the scored rows: (N,) ids for softmax, otherwise (N, O)."""
        shape: tuple[int, ...] = (run.T, run.B) if self.at == "every" else (run.B,)
        axes: tuple[str, ...] = ("T", "batch") if self.at == "every" else ("batch",)
        if self.loss == "softmax":
            ids = np.asarray(targets)
            if ids.shape != shape:
                expected = ", ".join(f"{axis}={n}" for axis, n in zip(axes, shape, strict=True))
                raise ShapeError(
                    f"targets have shape {ids.shape}; expected ({expected}). Pass one class id for each."
                )
            found: Array = check_ids("targets", ids.reshape(-1, run.B), self.output_size, IGNORED).ravel()
        else:
            full, names = (*shape, self.output_size), (*axes, "output_size")
            found = check_array("targets", targets, full, names, self.dtype).reshape(-1, self.output_size)
        return found if rows is None or self.at == "last" else found[rows]


@dataclass
class _Run:
    """What the recurrent layers made of a batch; y is (T*B, H)."""

    T: int
    B: int
    y: Array
    state: State
    trace: Trace
    lengths: Array | None


def _require_at(at: str) -> str:
    if at not in ("every", "last"):
        raise ArgumentError(
            f"at={at!r} found; expected 'every' or 'last'. Use at='last' for one target a sequence."
        )
    return at


def _scale(reduction: str, count: int) -> float:
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"reduction {reduction!r} found; expected 'mean' or 'sum'. Use 'sum' for the article's."
        )
    if count == 0:
        raise ArgumentError(
            f"every target is {IGNORED}, which is ignored; expected at least one that counts. Leave such batches out."
        )
    return 1.0 if reduction == "sum" else 1.0 / count


def _last_rows(T: int, B: int, lengths: Array | None) -> Array:
    ends = np.full(B, T - 1) if lengths is None else lengths - 1
    rows: Array = ends * B + np.arange(B)
    return rows
