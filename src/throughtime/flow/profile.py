"""The profile of the gradient's flow: how strongly the loss at step t still reaches the state at step t - l."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from throughtime.errors import ArgumentError, DivergedError
from throughtime.flow.conditions import WeightConditions, weight_conditions
from throughtime.flow.curve import Curve, Horizon
from throughtime.flow.layer_gradients import layer_gradients
from throughtime.flow.measure import measure
from throughtime.flow.origins import choose_origins, lags_to_measure, steps_to_loss
from throughtime.flow.saturation import Saturation, measure_saturation
from throughtime.flow.spelling import OwnModel, Spelling
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.layer import Recurrent, State
from throughtime.networks.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from throughtime.cells.cell import Cell
    from throughtime.flow.findings import Finding


@dataclass(eq=False)
class GradientFlow:
    """What `gradient_flow` measured.

    Attributes
    ----------
    lags : int array (L + 1,)
        0..L.
    norms : dict of str to float64 array (num_layers, L + 1)
        By part of the state, "h" and for an LSTM "c": the mean over origins (t, b) of ||dE_t/dh_{t-l}||, the norm of a
        total derivative as autograd gives it, E_t being undivided. A mean of norms, never the norm of a mean. NaN where
        no origin has so long a past. A cell of your own with several parts in its state has "h" alone, unless it
        says what its parts pass on to each other (`Cell`'s `total`).
    percentiles : dict of str to float64 array (3, num_layers, L + 1)
        The 10th, 50th and 90th over the origins.
    origins : int array (L + 1,)
        How many origins each lag averages: those whose sequence has a step there, with no reset in between.
    underflow : float64 array (num_layers, L + 1)
        The share of the entries of dE_t/dh_{t-l} that are not 0 but too small for a normal number of the model's type:
        an ordinary sweep loses them.
    saturation : list of Saturation
        Layer by layer, over the same forward pass.
    name : str
        What was measured: the cell's name, or that of a step of which nothing is known but what it computes.
    cell : Cell or None
        None for such a step.
    hidden_size : int
    dtype : str
    weights : list of float64 or float32 array
        Copies of the recurrent weights, layer by layer; none of such a step.
    spelling : Spelling
        How findings write code that changes the network.
    steps_to_loss : float
        The median, over the steps that a loss follows, of how many steps ahead the next one is: 0 where each has its own, about
        T / 2 with one at the end of T steps. Losses that are no origins count.

    Notes
    -----
    Curves are led by phi_l / phi_0, so that they do not depend on the loss's scale. Half-life, horizon and the like speak
    of the top layer's h unless asked otherwise.
    """

    lags: Array = field(repr=False)
    norms: dict[str, Array] = field(repr=False)
    percentiles: dict[str, Array] = field(repr=False)
    origins: Array = field(repr=False)
    underflow: Array = field(repr=False)
    saturation: list[Saturation] = field(repr=False)
    name: str
    cell: "Cell | None" = field(repr=False)
    hidden_size: int
    dtype: str
    weights: list[Array] = field(repr=False)
    spelling: Spelling = field(repr=False, default=OwnModel())
    steps_to_loss: float = field(repr=False, default=0.0)

    @property
    def num_layers(self) -> int:
        """How many layers were measured."""
        return len(self.underflow)

    def curve(self, state: str = "h", layer: int = -1) -> Curve:
        """One layer's curve; layers count from 0, the lowest, or from -1, the top one.

        Raises
        ------
        ArgumentError
            There is no such layer, or nothing was measured of such a part of the state.
        DivergedError
            Something was not a number: the model is broken, or what it was given.
        """
        if state not in self.norms:
            raise ArgumentError(
                f"state={state!r} found; expected one of {', '.join(self.norms)}, which were measured. Use state='h'."
            )
        if not -self.num_layers <= layer < self.num_layers:
            raise ArgumentError(
                f"layer={layer} found; expected -{self.num_layers} to {self.num_layers - 1}. Use -1 for the top layer."
            )
        phi = self.norms[state][layer]
        broken = np.isnan(phi) & (self.origins > 0)
        if broken.any():
            raise DivergedError(
                f"the gradient of layer {layer % self.num_layers} is not a number at lag {int(np.argmax(broken))}; expected finite "
                f"weights, inputs and losses. {self.spelling.finds_not_a_number}"
            )
        return Curve(phi)

    @property
    def half_life(self) -> float:
        """In lags, of the top layer's h; see `Curve.half_life`."""
        return self.curve().half_life

    @property
    def mean_lag(self) -> float:
        """Of the top layer's h; see `Curve.mean_lag`."""
        return self.curve().mean_lag

    def horizon(self, eps: float = 0.01, *, state: str = "h", layer: int = -1) -> Horizon:
        """The smallest lag L with all but eps of the sum of phi at lags 0..L; `censored` where it is only bounded."""
        return self.curve(state, layer).horizon(eps)

    def mass_beyond(self, K: int, *, state: str = "h", layer: int = -1) -> float:
        """The share of the sum of phi at lags above K: what a truncation at K cannot see."""
        return self.curve(state, layer).mass_beyond(K)

    def relative_bias(self, K: int, *, state: str = "h", layer: int = -1) -> float:
        """A bound for the bias of a gradient truncated at lag K, relative to the gradient (Aicher et al. 2019)."""
        return self.curve(state, layer).relative_bias(K)

    @cached_property
    def conditions(self) -> list[WeightConditions | None]:
        """Layer by layer gamma ||W||_2 and the spectral radius against Pascanu's conditions; None where they say nothing."""
        if self.cell is None:
            return [None] * self.num_layers
        return [weight_conditions(self.cell, weight) for weight in self.weights]

    @cached_property
    def findings(self) -> "list[Finding]":
        """What stands out, with the evidence in numbers and a remedy each.

        None means that no illness was found which throughtime knows of, or that too little was measured to find any
        (`curve().too_short`).
        """
        from throughtime.flow.findings import Evidence, find

        return find(Evidence(self, None))

    def record(self) -> dict[str, Any]:
        """All of it but the weights, fit for JSON once NaN and infinity have become null; a line of flow.jsonl.

        Curves have six digits, as many as float32's are right to: a run writes hundreds of such lines.
        """
        curve = self.curve()
        horizon = curve.horizon()
        return {
            "lags": self.lags.tolist(),
            "norms": {name: _six_digits(array) for name, array in self.norms.items()},
            "percentiles": {name: _six_digits(array) for name, array in self.percentiles.items()},
            "origins": self.origins.tolist(),
            "underflow": _six_digits(self.underflow),
            "half_life": curve.half_life,
            "falls": bool(np.isfinite(curve.half_life)),
            "horizon": int(horizon),
            "censored": horizon.censored,
            "saturation": [each.record() for each in self.saturation],
        }

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw the curves with matplotlib: phi_l / phi_0 of each layer on a log scale, with its percentiles.

        Raises
        ------
        MissingError
            matplotlib is missing; the message says how to install it.
        """
        from throughtime.flow.plot import plot_flow

        return plot_flow(self, ax)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report: one page that opens without a network.

        Raises
        ------
        ArgumentError
            The file cannot be written.
        DivergedError
            The gradient is no number.
        """
        from throughtime.flow.report import flow_page
        from throughtime.storage import write_whole

        page = flow_page(self).encode("utf-8", "backslashreplace")
        try:
            write_whole(Path(path), page)
        except OSError as error:
            raise ArgumentError(
                f"path {os.fspath(path)!r} cannot be written: {error.strerror}; expected a file in a directory that is there. "
                "Make the directory, or name another."
            ) from error

    def __str__(self) -> str:
        from throughtime.flow.words import flow_in_words

        return flow_in_words(self)

    def _repr_html_(self) -> str:
        from throughtime.flow.notebook import notebook_view

        return notebook_view(self)


def _six_digits(array: Array) -> Any:
    """Nested lists of what is nearest in six digits."""
    if array.ndim:
        return [_six_digits(part) for part in array]
    return float(f"{array:.6g}")


def gradient_flow(
    model: Network | Recurrent,
    inputs: Array,
    targets: Array,
    max_lag: int | None = None,
    origins: Any = None,
    *,
    state: State | None = None,
    reset: Array | None = None,
    lengths: Array | None = None,
    dstate: State | None = None,
    workspace: Workspace | None = None,
) -> GradientFlow:
    """Measure how strongly the loss at step t reaches the state at step t - l, for every lag l, exactly.

    Every output step's own gradient goes back through time apart from all others, many at once. It is not the running dh
    of an ordinary backward pass: that is a sum over all later steps, which mixes lags and hides vanishing.

    Parameters
    ----------
    model : SequenceModel, LanguageModel, or a layer in one direction
    inputs : as `throughtime.bptt`, or the layer's `forward`, has them
    targets : as `throughtime.bptt` has them; for a layer dy (T, B, H)
        Row t of dy is dE_t/dy_t, the gradient of the loss of step t alone; a row of zeros is a step without a loss.
    max_lag : int, optional
        The last lag; 100 by default, or less where a number of origins would not find so many steps after it. Never more
        than T - 1, the longest past that there is.
    origins : optional
        The losses to look at, of those with a target. None for all; a number n for n evenly spaced steps t >= max_lag,
        so that every lag averages the same origins; an array (N,) of steps, or (T, B) of bool.
    state, reset, lengths : as `throughtime.bptt` has them
    dstate : as the state, or None for zeros
        For a layer: the gradient of the last state, which belongs to the loss of each sequence's last step.
    workspace : Workspace, optional
        Of an earlier call; for whoever measures often.

    Returns
    -------
    GradientFlow

    Raises
    ------
    ShapeError, DtypeError, TokenError, ArgumentError
        An argument does not fit the model, a layer reads both directions, or there is no origin. Or dstate is given
        with a model that has losses of its own.

    Notes
    -----
    Rows are scaled on the way, and the scales kept as exponents: a profile is right from 1e-300 to 1e300, in float32 too.
    A row, the gradient of one loss in one layer, has one scale. So of its entries those count that are within what the
    model's type can hold beside the largest, and a part of the state within the root of it: 1e19 in float32.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = tt.SequenceModel(1, 16, 1, cell="rnn", seed=0)
    >>> x = np.random.default_rng(0).normal(size=(60, 4, 1)).astype(np.float32)
    >>> flow = gradient_flow(model, x, x)
    >>> flow.norms["h"].shape, bool(flow.horizon() < 10)
    ((1, 60), True)
    """
    workspace = Workspace() if workspace is None else workspace
    shape = np.shape(inputs)
    if len(shape) < 2 or 0 in shape[:2]:
        vectors = len(shape) == 1 and np.asarray(inputs).dtype.kind == "f"
        alone = "x[:, None, None]" if vectors else "x[:, None]"
        raise ArgumentError(
            f"inputs have shape {shape}; expected (T, batch, ...) with at least one step and one sequence. Use {alone} to make "
            "a batch of one sequence."
        )
    T, B = shape[:2]
    last = lags_to_measure(max_lag, T, origins)
    chosen = choose_origins(origins, T, B, last)
    if isinstance(model, Recurrent):
        found = layer_gradients(
            model, inputs, targets, chosen, dstate, state=state, reset=reset, lengths=lengths
        )
        layers, spelling = model, OwnModel()
    elif isinstance(model, Network):
        if dstate is not None:
            raise ArgumentError(
                f"dstate found with a {type(model).__name__}; expected it with a layer alone, as a model's losses are "
                "those of its outputs. Leave it out."
            )
        found = model.step_gradients(
            inputs, targets, chosen, workspace=workspace, state=state, reset=reset, lengths=lengths
        )
        layers, spelling = model.layers, OwnModel(type(model).__name__)
    else:
        raise ArgumentError(
            f"a {type(model).__name__} found; expected a SequenceModel, a LanguageModel or a layer such as tt.GRU. Pass "
            "one of these."
        )
    if not len(found.steps):
        raise ArgumentError(
            "no step has both a target and a place among the origins; expected at least one. Choose other origins, or "
            "leave them out for every step with a target."
        )
    measured = measure(found, last, workspace)
    counted = np.arange(T)[:, None] < found.trace.lengths
    return GradientFlow(
        np.arange(last + 1),
        *measured,
        [
            measure_saturation(layers.cell, layer.kept, None if counted.all() else counted)
            for layer in found.trace.layers
        ],
        layers.cell.name,
        layers.cell,
        layers.hidden_size,
        layers.dtype.name,
        [found.params[f"weight_hh_l{k}"].copy() for k in range(len(found.trace.layers))],
        spelling,
        steps_to_loss(found.losses_at),
    )
