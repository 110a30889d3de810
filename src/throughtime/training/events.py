"""What training reports while it runs. `fit` prints nothing: it emits these, and displays and files consume them."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from throughtime.data.progress import Progress

Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Started:
    """All arguments are in order; the first step follows.

    Attributes
    ----------
    run : Path or None
        The run directory.
    corpus : str
        What the text is called.
    model : str
        The model in a few words.
    num_params : int
        How many numbers it learns.
    train_tokens, val_tokens : int
        Predictions in one epoch, and in one evaluation.
    steps, steps_per_epoch : int
        Updates that are planned.
    bits : bool
        Whether evaluations will tell bits per character.
    resumed_step : int
        The update after which a stopped run goes on; 0 for a new run.
    adaptive : bool
        Whether the truncation is chosen while training.
    """

    run: Path | None
    corpus: str
    model: str
    num_params: int
    train_tokens: int
    val_tokens: int
    steps: int
    steps_per_epoch: int
    bits: bool
    resumed_step: int
    adaptive: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One update has been made.

    Attributes
    ----------
    step, steps : int
        Updates made, and planned.
    epoch : int
        Counted from 1.
    tokens : int
        Predictions learned from since the start.
    loss : float
        Nats per token of this batch, before the update.
    grad_norm : float
        Global norm of the reduced gradient, before clipping.
    clipped : bool
        Whether clipping changed the gradient.
    lr : float
        Learning rate of this update.
    tokens_per_second, seconds_left : float
        Recent pace, and what it makes of the steps to come.
    """

    step: int
    steps: int
    epoch: int
    tokens: int
    loss: float
    grad_norm: float
    clipped: bool
    lr: float
    tokens_per_second: float
    seconds_left: float

    def record(self) -> Record:
        """A line of metrics.jsonl."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "tokens": self.tokens,
            "loss": self.loss,
            "grad_norm": self.grad_norm,
            "clipped": self.clipped,
            "lr": self.lr,
            "tokens_per_second": round(self.tokens_per_second, 1),
        }


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The validation text has been scored.

    Attributes
    ----------
    step : int
        Updates made by then.
    loss, perplexity : float
        Nats per token, and their exponential.
    bits_per_char : float or None
        None where not every character is scored.
    best : bool
        Whether the loss is the lowest so far: these weights are kept.
    lr : float
        Learning rate from here on.
    """

    step: int
    loss: float
    perplexity: float
    bits_per_char: float | None
    best: bool
    lr: float

    def record(self) -> Record:
        """A line of metrics.jsonl."""
        return {
            "step": self.step,
            "val_loss": self.loss,
            "val_perplexity": self.perplexity,
            "val_bits_per_char": self.bits_per_char,
            "best": self.best,
            "lr": self.lr,
        }


@dataclass(frozen=True, slots=True)
class Probed:
    """How far the gradient flows back through time has been measured.

    Attributes
    ----------
    step : int
        Updates made by then.
    flow : dict
        What `throughtime.flow.profile.GradientFlow.record` tells.
    truncation : dict or None
        Under Auto what it has chosen: K, its relative_bias, beta, and whether one was finite.
    """

    step: int
    flow: Record
    truncation: Record | None = None

    @property
    def horizon(self) -> int:
        """The lags that hold 99% of the top layer's curve, or at least so many where that is `censored`."""
        return int(self.flow["horizon"])

    @property
    def censored(self) -> bool:
        """Whether the horizon is only a lower bound."""
        return bool(self.flow["censored"])

    @property
    def half_life(self) -> float:
        """In lags; infinite where the curve does not fall, NaN where it was too short to tell."""
        return float(self.flow["half_life"])

    @property
    def relative(self) -> list[float]:
        """The top layer's phi_l / phi_0, for lags from 0."""
        phi = self.flow["norms"]["h"][-1]
        return [value / phi[0] if phi[0] else math.nan for value in phi]

    def record(self) -> Record:
        """A line of flow.jsonl."""
        truncation = {} if self.truncation is None else {"truncation": self.truncation}
        return {"step": self.step, **self.flow, **truncation}


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """All that is needed to go on from here lies on the disk.

    Attributes
    ----------
    step : int
        Updates made by then.
    path : Path
        The checkpoint.
    """

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that a person should know, and that does not end training, in one line."""

    line: str


Action: TypeAlias = Literal["stop", "skip", "rollback", "recorded"]


@dataclass(frozen=True, slots=True)
class IncidentMet:
    """An update went wrong: something was not finite, or the gradient's norm jumped.

    Attributes
    ----------
    step : int
        The update, counted from 1.
    line : str
        What was found where, and its cause.
    action : "stop", "skip", "rollback" or "recorded"
        What follows: training ends; goes on without this update; goes on from the last good checkpoint with half the
        learning rate; or goes on as if nothing had happened, as clipping has bounded the update.
    path : Path or None
        What was kept of it, in the run directory.
    """

    step: int
    line: str
    action: Action
    path: Path | None

    def record(self) -> Record:
        """A line of metrics.jsonl."""
        return {"step": self.step, "incident": self.line, "action": self.action}


@dataclass(frozen=True, slots=True)
class Finished:
    """All planned updates have been made, or training has ended early as it was meant to.

    Attributes
    ----------
    steps, tokens : int
        Made, and learned from.
    train_loss : float
        Nats per token, mean over the last epoch.
    best_step : int
        The step whose weights were kept.
    val_loss, val_perplexity, val_bits_per_char : float or None
        Of the weights that were kept; None without a validation text.
    seconds, tokens_per_second : float
        From the first step to the end, evaluations included, over all the times that a run was taken up again; the
        pace of the steps alone, this time.
    horizon, half_life : int or None, float or None
        Of the last probe, in lags; None without one, and a half-life that is not finite.
    censored : bool or None
        Whether that horizon is only a lower bound.
    clipped_share : float
        The share of updates whose gradient was clipped.
    early : str or None
        Why training ended before the last planned update.
    resumed_step : int
        The update after which it was taken up again; 0 if it was not.
    run : Path or None
        The run directory.
    """

    steps: int
    tokens: int
    train_loss: float
    best_step: int
    val_loss: float | None
    val_perplexity: float | None
    val_bits_per_char: float | None
    seconds: float
    tokens_per_second: float
    clipped_share: float
    horizon: int | None
    censored: bool | None
    half_life: float | None
    early: str | None
    resumed_step: int
    run: Path | None

    def record(self) -> Record:
        """What `throughtime train --json` prints."""
        return {**asdict(self), "run": None if self.run is None else str(self.run)}


@dataclass(frozen=True, slots=True)
class Stopped:
    """Training did not come to its end: it diverged, or was interrupted.

    Attributes
    ----------
    step : int
        Updates made.
    reason : str
        One line.
    diverged : bool
        Whether something was not finite.
    run : Path or None
        The run directory.
    """

    step: int
    reason: str
    diverged: bool
    run: Path | None

    def record(self) -> Record:
        """A line of metrics.jsonl."""
        return {"step": self.step, "stopped": self.reason}


Event: TypeAlias = (
    Progress | Started | Step | Evaluated | Probed | Checkpointed | Noticed | IncidentMet | Finished | Stopped
)
Listener: TypeAlias = Callable[[Event], object]
