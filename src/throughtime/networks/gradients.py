"""Gradients of a model by backpropagation through time, and the check of them by central differences."""

from typing import Any

import numpy as np

from throughtime.errors import ArgumentError, GradientError
from throughtime.machine.arrays import Array
from throughtime.machine.precision import has_bf16, products_of, warn_of_float32
from throughtime.machine.workspace import Workspace
from throughtime.networks.layer import State
from throughtime.networks.network import BPTT, Network
from throughtime.targets import IGNORED
from throughtime.truncation import Segment, Truncation, require_truncation


def bptt(
    model: Network,
    inputs: Array,
    targets: Array,
    state: State | None = None,
    truncation: Truncation | None = None,
    reduction: str = "mean",
    reset: Array | None = None,
    lengths: Array | None = None,
    training: bool = False,
    carry: int | None = None,
    threads: int = 1,
    omega: float = 0.0,
    precision: str = "full",
) -> BPTT:
    """Loss and gradients of one call over T steps.

    Parameters
    ----------
    model : SequenceModel or LanguageModel
    inputs : (T, B, I), or token ids (T, B)
    targets : (T, B) of class ids or (T, B, O); without T where the model's `at` is "last"
        -100 is ignored by softmax and logistic, and so is what lies beyond `lengths` by every loss.
    state : (num_layers, B, H), for LSTM a pair; or None for zeros
    truncation : Full(), Window(k), Chunk(k) or Chunk(k1, k2)
        Full() by default.
    reduction : "mean" or "sum"
        Over the targets that count: PyTorch's mean, or the article's sum.
    reset, lengths : as `throughtime.Recurrent.forward` has them
    training : bool
        Whether dropout acts.
    carry : int or None
        After how many steps of this call the returned state stands: 0 for the given state, None for after the last. A
        loop with `Chunk(k1, k2)` carries on k1 steps, and then looks back over steps that it has already seen. Not
        with `lengths`.
    threads : int
        Among how many threads the batch is divided. Gradients then differ by rounding, and are the same bits for the
        same number of threads.
    omega : float
        Weight of the penalty that keeps the gradient's norm from step to step (`throughtime.networks.omega`); 0 for
        none. For the plain RNN and what is like it (`Cell.direct` is False), and not with Window.
    precision : "full" or "bf16"
        "bf16" rounds the operands of products to bfloat16 and sums in float32, for a float32 model on a processor with
        AMX (Linux); small products stay in float32. Elsewhere a warning says once that all are in float32.

    Returns
    -------
    BPTT
        loss, grads, state, targets, omega.

    Raises
    ------
    ShapeError, DtypeError, TokenError, ArgumentError
        An argument does not fit the model, its parameters were exchanged for others, or no target counts.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = tt.LanguageModel(20, 8, cell="rnn", seed=0)
    >>> r = tt.bptt(model, np.zeros((5, 1), int), np.ones((5, 1), int), truncation=tt.Window(2))
    >>> r.grads["rnn.weight_hh_l0"].shape
    (8, 8)
    """
    products = products_of(precision, model.dtype)
    if precision == "bf16" and not has_bf16():
        warn_of_float32()
    return model.bptt(
        inputs,
        targets,
        truncation=require_truncation(truncation),
        workspace=Workspace(products),
        state=state,
        reduction=reduction,
        reset=reset,
        lengths=lengths,
        training=training,
        carry=carry,
        threads=threads,
        omega=omega,
    )


def check_gradients(
    model: Network,
    inputs: Array,
    targets: Array,
    state: State | None = None,
    truncation: Truncation | None = None,
    reduction: str = "mean",
    reset: Array | None = None,
    lengths: Array | None = None,
    entries: int = 12,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> dict[str, float]:
    """Hold `bptt` against central differences, in float64 and without dropout.

    What a truncation leaves out cannot be perturbed away in one run. So each of its segments is run by itself, from the
    state that the unperturbed network has there, held constant; their losses add up.

    Parameters
    ----------
    entries : int
        How many entries of each parameter are perturbed: the one of the largest gradient, and random others.
    tolerance : float
        The most that max|a - b| / max|b| may be, for each parameter.
    seed : int
        Of the choice of entries.

    Returns
    -------
    dict of str to float
        That relative error, by parameter.

    Raises
    ------
    GradientError
        One is above the tolerance.
    ShapeError, DtypeError, TokenError, ArgumentError
        As `bptt` raises them; or `entries` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = tt.SequenceModel(2, 4, 1, cell="lstm", seed=0)
    >>> rng = np.random.default_rng(0)
    >>> errors = check_gradients(
    ...     model, rng.normal(size=(6, 3, 2)), rng.normal(size=(6, 3, 1)), truncation=tt.Window(2)
    ... )
    >>> max(errors.values()) < 1e-6
    True
    """
    if entries < 1:
        raise ArgumentError(f"entries={entries} found; expected at least 1. Leave it out for 12.")
    truncation = require_truncation(truncation)
    exact = model.astype("float64")
    inputs, targets = (_as_float64(array) for array in (inputs, targets))
    if state is not None:
        state = tuple(map(_as_float64, state if isinstance(state, tuple | list) else (state,)))
    result = bptt(exact, inputs, targets, state, truncation, reduction, reset, lengths)
    T, B = inputs.shape[:2]
    pieces = _Pieces(exact, inputs, targets, state, reset, lengths, list(truncation.segments(T)))
    scale = 1.0 if reduction == "sum" else 1.0 / result.targets

    rng = np.random.default_rng(seed)
    errors: dict[str, float] = {}
    for name, param in exact.params.items():
        gradient = result.grads[name]
        chosen = {int(np.argmax(np.abs(gradient)))} | set(
            rng.choice(param.size, min(entries, param.size), False)
        )
        places = [np.unravel_index(flat, param.shape) for flat in sorted(chosen)]
        numeric = np.array([scale * _central_difference(pieces, param, place) for place in places])
        worst = float(np.abs(numeric - [gradient[place] for place in places]).max())  # NaN stays NaN
        largest = float(np.abs(gradient).max())
        errors[name] = worst / largest if largest else worst
    wrong = max(errors, key=errors.__getitem__)
    if not errors[wrong] <= tolerance:
        raise GradientError(
            f"gradient of {wrong} differs from central differences by {errors[wrong]:.1e}, relative; expected at most "
            f"{tolerance:.0e}. Check the cell's backward against its forward."
        )
    return errors


def _central_difference(pieces: "_Pieces", param: Array, place: tuple[Any, ...]) -> float:
    # Rounding costs eps/h, curvature h^2: with losses near 1, h = 1e-5 leaves about 1e-10 of each.
    step, value = 1e-5, param[place]
    param[place] = value + step
    above = pieces.loss()
    param[place] = value - step
    below = pieces.loss()
    param[place] = value
    return (above - below) / (2 * step)


class _Pieces:
    """The segments of a truncation, each with the state it starts from, held constant."""

    def __init__(
        self,
        model: Network,
        inputs: Array,
        targets: Array,
        state: State | None,
        reset: Array | None,
        lengths: Array | None,
        segments: list[Segment],
    ) -> None:
        self.model, self.inputs, self.reset = model, inputs, reset
        self.T, self.B = inputs.shape[:2]
        self.lengths = np.full(self.B, self.T) if lengths is None else np.asarray(lengths)
        self.segments = segments
        self.scored = self._scored()
        self.targets = self._by_step(targets)
        self.states = {segment.start: self._state_at(segment.start, state) for segment in segments}

    def loss(self) -> float:
        """Sum over all segments, in plain NumPy."""
        return sum(self._loss(segment) for segment in self.segments)

    def _loss(self, segment: Segment) -> float:
        start, scored, stop = segment
        counts = self.scored[scored:stop]
        if not counts.any():
            return 0.0
        outputs = self._outputs(start, stop, self.states[start])[scored - start :]
        return _loss(self.model.loss, outputs[counts], self.targets[scored:stop][counts])

    def _outputs(self, start: int, stop: int, state: State | None) -> Array:
        reset = None if self.reset is None else self.reset[start:stop]
        return self.model.forward(self.inputs[start:stop], state, reset, at="every")[0]

    def _state_at(self, start: int, state: State | None) -> State | None:
        if start == 0:
            return state
        reset = None if self.reset is None else self.reset[:start]
        return self.model.forward(self.inputs[:start], state, reset)[1]

    def _scored(self) -> Array:
        """(T, B) of bool: where a loss is."""
        steps = np.arange(self.T)[:, None]
        scored: Array = steps == self.lengths - 1 if self.model.at == "last" else steps < self.lengths
        return scored

    def _by_step(self, targets: Array) -> Array:
        """Targets with their T, also where each sequence has only one."""
        return np.repeat(targets[None], self.T, axis=0) if self.model.at == "last" else targets


def _loss(kind: str, outputs: Array, targets: Array) -> float:
    """Sum over outputs (N, O), from the definitions."""
    if kind == "squared":
        return float(((outputs - targets) ** 2).sum())
    if kind == "logistic":
        each = np.logaddexp(0, outputs) - targets * outputs
        return float(each[targets != IGNORED].sum())
    counted = targets != IGNORED
    outputs, ids = outputs[counted], targets[counted]
    top = outputs.max(axis=1)
    log_sums = top + np.log(np.exp(outputs - top[:, None]).sum(axis=1))
    return float((log_sums - outputs[np.arange(len(ids)), ids]).sum())


def _as_float64(array: Array) -> Array:
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
