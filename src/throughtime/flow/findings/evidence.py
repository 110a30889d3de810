"""What findings are drawn from: a measured flow and, where a network was trained, how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from throughtime.cells.check import passes_on
from throughtime.errors import ArgumentError
from throughtime.flow.curve import Curve, Horizon
from throughtime.flow.findings.numbers import lags, plain
from throughtime.initial.grammar import Initialisation, parse_initialisation
from throughtime.machine.arrays import Array
from throughtime.truncation import Auto, Chunk, Full, Truncation, Window, parse_truncation

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow

USUAL_LR = 2e-3
# A learning rate that was too high is tried again at a quarter.
_LESS = 0.25
# The default truncation: by it a network is judged whose training nothing limits, or is not known.
_USUAL = 50
# By so much a singular value may be off 1: training moves what began orthogonal.
_NEARLY = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingFacts:
    """How a network is trained, as far as findings go by it.

    Attributes
    ----------
    truncation : str
        As the command line spells it, such as `chunk:50`.
    seq_len : int or None
        New steps an update; None where each sentence is taken whole.
    reach : int or None
        Under `auto` the lags that every loss reaches at present; None where that is not known.
    steps : int
        Updates made.
    kept_step : int or None
        The one after which the weights were as they are now; None where that is not known.
    diverged : str or None
        Why training ended before its time, where it diverged, in one line.
    lr : float
    optimizer : str
    init : str
        As `throughtime.initial.grammar` spells it.
    clip : str or None
        "norm", "auto", "value" or another; None for no clipping.
    theta : float or None
        The norm that gradients are clipped at, where it is fixed.
    grad_norms : (N,)
        Norms of the last updates' gradients, before clipping; those that are not finite are left out.
    clipped_share : float
        Share of these updates that were clipped.
    options : mapping of str to Any
        Options of `throughtime train` that repeat the run, by key without dashes; `files` is a list.
    options_file : str or None
        The file for --config that holds them.
    """

    truncation: str
    seq_len: int | None
    steps: int
    lr: float
    optimizer: str
    kept_step: int | None = None
    diverged: str | None = None
    init: str = "default"
    reach: int | None = None
    clip: str | None = None
    theta: float | None = None
    grad_norms: Array = field(default_factory=lambda: np.zeros(0))
    clipped_share: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    options_file: str | None = None

    @cached_property
    def parsed(self) -> Truncation | Auto | None:
        """The truncation itself; None for somebody's own, of which nothing is known."""
        try:
            return parse_truncation(self.truncation)
        except ArgumentError:
            return None

    def reached(self, lags: Array) -> Array:
        """The share of the losses that reaches each lag, averaged over their places in an update."""
        match self.parsed:
            case Chunk(k1=k1, k2=k2):
                return _ramp(k1, k2, lags)
            case Auto():
                K, k1 = self.reach, self.seq_len or 1
                return np.ones(len(lags)) if K is None else _ramp(k1, k1 + K, lags)
            case Window(k=k):
                return np.where(lags <= k, self._within_update(lags), 0.0)
            case Full():
                return self._within_update(lags)
        return np.ones(len(lags))

    def left_out(self, curve: Curve) -> float:
        """The share of a curve, over its measured lags, that the truncation leaves out."""
        phi = np.nan_to_num(curve.phi / np.nanmax(curve.phi))
        return max(0.0, 1 - float(phi @ self.reached(np.arange(len(phi)))) / float(phi.sum()))

    @property
    def lower_lr(self) -> float:
        """The learning rate to try after one that was too high: not above a usual one."""
        return plain(min(_LESS * self.lr, USUAL_LR))

    @property
    def longest(self) -> int | None:
        """The greatest lag that any loss reaches; None where nothing limits it, or it is not known."""
        match self.parsed:
            case None:
                return None
            case Chunk(k2=k2):
                return k2 - 1
            case Auto():
                return None if self.reach is None else self.reach + (self.seq_len or 1) - 1
            case Window(k=k):
                return k if self.seq_len is None else min(k, self.seq_len - 1)
        return None if self.seq_len is None else self.seq_len - 1

    @property
    def shortest(self) -> int:
        """How many lags every loss reaches back, if there is so much before it; 0 where the first of an update reaches none."""
        match self.parsed:
            case Chunk(k1=k1, k2=k2):
                return k2 - k1
            case Auto():
                return self.reach or 0
        return 0

    def _within_update(self, lags: Array) -> Array:
        return np.ones(len(lags)) if self.seq_len is None else _ramp(self.seq_len, self.seq_len, lags)


@dataclass(frozen=True, eq=False)
class Evidence:
    """A flow, and how the network is trained if that is known.

    Half-life, horizon and the like are of the top layer's h.
    """

    flow: "GradientFlow"
    training: TrainingFacts | None = None

    @cached_property
    def curve(self) -> Curve:
        """Of the top layer's h."""
        return self.flow.curve()

    @cached_property
    def horizon(self) -> Horizon:
        """The lag within which 99% of the gradient lies."""
        return self.curve.horizon()

    @property
    def measured(self) -> bool:
        """Whether there is a gradient, at enough lags to say how it falls."""
        return not np.isnan(self.curve.half_life)

    @property
    def wanted(self) -> int:
        """The greatest lag that training reaches for; without a truncation as far as the default one, if it was measured."""
        longest = None if self.training is None else self.training.longest
        return min(int(self.flow.lags[-1]), _USUAL) if longest is None else longest

    @property
    def wanted_lags(self) -> str:
        """The same in words."""
        if self.training is not None:
            return f"{lags(self.wanted)} that training reaches over"
        usual = self.wanted < int(self.flow.lags[-1])
        return f"{lags(self.wanted)} that {'the usual truncation reaches over' if usual else 'were measured'}"

    @cached_property
    def lost(self) -> float:
        """The share of the gradient, over the measured lags, that the truncation leaves out; 0 where none is known."""
        if self.training is None or self.curve.phi[0] == 0:
            return 0.0
        return self.training.left_out(self.curve)

    @cached_property
    def gated(self) -> bool | None:
        """Whether a state may pass on by itself, as through a gate: the network can then learn to hold it.

        None where the cell's equations are not known.
        """
        return None if self.flow.cell is None else passes_on(self.flow.cell)

    @cached_property
    def orthogonal(self) -> bool:
        """Whether the recurrent weights of all layers neither shrink nor stretch what passes through, by their singular values."""
        weights = self.flow.weights
        return bool(weights) and all(
            np.allclose(np.linalg.svd(W, compute_uv=False), 1, rtol=0, atol=_NEARLY) for W in weights
        )

    @cached_property
    def identity(self) -> bool:
        """Whether the recurrent weights of all layers leave each unit's state to itself."""
        weights = self.flow.weights
        return bool(weights) and all(np.allclose(W, np.eye(len(W)), rtol=0, atol=_NEARLY) for W in weights)

    @property
    def activations(self) -> set[str]:
        """Those of the cell's gates that are known."""
        return set() if self.flow.cell is None else set(self.flow.cell.activations.values())

    @cached_property
    def start(self) -> Initialisation:
        """How the weights started; PyTorch's start where that is not known."""
        return parse_initialisation("default" if self.training is None else self.training.init)

    def started(self, target: str) -> str:
        """How a target of the initialisation was started apart from the rest; empty if it was not."""
        return next((item.start for item in self.start.items if item.target == target), "")


def _ramp(k1: int, k2: int, lags: Array) -> Array:
    """Chunk(k1, k2)'s weight of each lag, averaged over offsets."""
    return np.clip((k2 - lags) / k1, 0.0, 1.0)
