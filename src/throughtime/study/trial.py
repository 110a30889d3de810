"""One trial: a network trained in one way from one seed, and what came of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import throughtime
from throughtime.data.corpus import Corpus
from throughtime.errors import ArgumentError
from throughtime.networks.validation import require_count
from throughtime.optim import (
    Clip,
    ClipValue,
    Optimizer,
    Schedule,
    clip_norm_from_spec,
    optimizer_from_name,
    schedule_from_spec,
)
from throughtime.training.conditions import conditions
from throughtime.truncation import Auto, Truncation, parse_truncation

Ended: TypeAlias = Literal["success", "steps", "time", "finished", "diverged"]
# Called with updates made and the share of wrong answers.
Watch: TypeAlias = Callable[[int, float], None]
# The texts that trials learn from, by what trials call them.
Corpora: TypeAlias = Mapping[str, Corpus]


@dataclass(frozen=True, kw_only=True)
class Trial(ABC):
    """What a trial is: plain data, fit for JSON and to be sent to another process.

    Parameters
    ----------
    cell, nonlinearity, hidden_size, num_layers, dropout, init : as `throughtime.SequenceModel` has them
    optimizer, lr, momentum, weight_decay, schedule, clip_norm, clip_value, omega, truncation : as `throughtime train` spells
        them
    batch_size : int
    max_steps : int
        Updates at most.
    seed : int

    Raises
    ------
    ArgumentError
        A setting is bad, or two contradict each other.
    """

    cell: str = "rnn"
    nonlinearity: str = "tanh"
    hidden_size: int = 50
    num_layers: int = 1
    dropout: float = 0.0
    init: str = "default"
    optimizer: str = "sgd"
    lr: float = 0.01
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: str = "constant"
    clip_norm: str | None = None
    clip_value: float | None = None
    omega: float = 0.0
    truncation: str | None = None
    batch_size: int = 20
    max_steps: int = 100_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_steps"):
            require_count(name, getattr(self, name))
        if self.seed < 0:
            raise ArgumentError(f"seed {self.seed} found; expected a whole number of at least 0. Use 0.")
        self.make_optimizer()
        self.make_schedule()
        self.make_clip()
        self.make_truncation()

    def make_optimizer(self) -> Optimizer:
        """The rule of an update."""
        more = {"momentum": self.momentum, "weight_decay": self.weight_decay}
        return optimizer_from_name(
            self.optimizer, self.lr, **{name: value for name, value in more.items() if value is not None}
        )

    def make_schedule(self) -> Schedule:
        """What the learning rate is multiplied by."""
        return schedule_from_spec(self.schedule)

    def make_clip(self) -> Clip | None:
        """How a gradient is clipped, if it is."""
        if self.clip_norm is not None and self.clip_value is not None:
            raise ArgumentError(
                f"clip_norm={self.clip_norm} and clip_value={self.clip_value} found; expected one of them. Leave one out."
            )
        if self.clip_norm is not None:
            return clip_norm_from_spec(self.clip_norm)
        return None if self.clip_value is None else ClipValue(self.clip_value)

    def make_truncation(self) -> Truncation | Auto | None:
        """How far back the gradient goes; None where that is left open."""
        return None if self.truncation is None else parse_truncation(self.truncation)

    def record(self) -> dict[str, Any]:
        """All settings, fit for JSON."""
        return asdict(self)

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is learned: the task's name, or the text's."""

    @property
    def span(self) -> int | tuple[int, int] | None:
        """The length of the sequences that a task is trained on; None of a text."""
        return None

    @property
    def tested(self) -> int | tuple[int, int] | None:
        """The length of those that it is tested on, and its horizons are measured on; None of a text."""
        return None

    @abstractmethod
    def run(self, corpora: Corpora) -> "Result":
        """Train to the end, and tell what came of it.

        The same numbers for the same trial, version and processor, times and what a limit of time cuts short apart.
        """


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a trial.

    Attributes
    ----------
    ended : Ended
        "success", of a task that was learned; "steps" or "time", where a cap was met; "finished", of a text, whose updates
        were all made; "diverged", where loss, gradient or a weight was not finite.
    steps : int
        Updates made.
    seconds : float
    horizon_before, horizon_after : int or None
        Of the top layer's h, before the first update and after the last; None where there is no gradient, or none that is
        finite.
    horizon_before_censored, horizon_after_censored : bool
        Whether it is only known to be at least this; a task's sequences have no lags but those that are measured.
    lags : int or None
        How many lags there were to measure a task's horizons on; None of a text, which goes on.
    error_rate : float or None
        Of a task's last test, over as many of its sequences as it took to tell.
    val_loss, val_bits_per_char : float or None
        Of a text's held-out part, in nats per token, and where every character is scored.
    version, processor : str
        Of throughtime, and the processor's name: only where both are the same are numbers promised to be.
    """

    ended: Ended
    steps: int
    seconds: float
    horizon_before: int | None
    horizon_before_censored: bool
    horizon_after: int | None
    horizon_after_censored: bool
    lags: int | None = None
    error_rate: float | None = None
    val_loss: float | None = None
    val_bits_per_char: float | None = None
    version: str = ""
    processor: str = ""

    @property
    def success(self) -> bool:
        """Whether a task was learned."""
        return self.ended == "success"

    @property
    def capped(self) -> bool:
        """Whether a cap on updates or time was met before a task was learned: it may be that it would have been."""
        return self.ended in ("steps", "time")


def run_trial(trial: Trial, corpora: Corpora) -> Result:
    """`Trial.run` as a function, with where it ran: what another process, or another machine, has to call."""
    found = trial.run(corpora)
    return replace(found, version=throughtime.__version__, processor=conditions(1, "full")["processor"])
