"""The settings of a training run, checked together before anything is read or written."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.initial import generator
from throughtime.machine.precision import require_precision
from throughtime.networks.validation import require_count
from throughtime.optim import Adam, Clip, Constant, Optimizer, Schedule
from throughtime.training.evaluate import By, require_by
from throughtime.training.events import Action
from throughtime.training.records import clip_record, optimizer_record
from throughtime.truncation import Auto, Chunk, Full, Truncation, require_training_truncation

DEFAULT_SEQ_LEN, DEFAULT_EPOCHS = 50, 10
# About so many evaluations a run, but never so often that they cost more than a tenth of it: going forward over a
# token costs a third of learning from it.
_EVALUATIONS = 20
_SHARE = 0.1
_FORWARD = 1 / 3


ON_INCIDENT: tuple[Action, ...] = ("stop", "skip", "rollback")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model is trained: `fit`'s arguments, checked, with nothing left open.

    Attributes
    ----------
    seq_len : int or None
        New steps per update; None where each sentence is taken whole.
    epochs, max_steps : int or None
        At least one of them is a number.

    Raises
    ------
    ArgumentError
        A setting is out of range, or two contradict each other.
    """

    optimizer: Optimizer
    truncation: Truncation | Auto
    clip: Clip | None
    schedule: Schedule
    by: By
    batch_size: int
    seq_len: int | None
    epochs: int | None
    max_steps: int | None
    val_fraction: float
    eval_every: int | None
    patience: int | None
    flow_every: int | None
    average: int | None
    omega: float
    reduction: str
    seed: int
    checkpoint_every: int | None
    keep_checkpoints: int
    on_incident: Action
    threads: int
    precision: str

    @classmethod
    def of(
        cls,
        *,
        optimizer: Optimizer | None,
        truncation: Truncation | Auto | None,
        schedule: Schedule | None,
        **others: Any,
    ) -> "Plan":
        """The plan for `fit`'s arguments, what was left open settled."""
        require_by(others["by"])
        if others["seq_len"] is not None:
            require_count("seq_len", others["seq_len"])
        if truncation is not None:
            require_training_truncation(truncation)
        if others["epochs"] is None and others["max_steps"] is None:
            others["epochs"] = DEFAULT_EPOCHS
        truncation, others["seq_len"] = _reach(truncation, others["seq_len"], others["by"])
        return cls(
            optimizer=Adam(2e-3) if optimizer is None else optimizer,
            truncation=truncation,
            schedule=Constant() if schedule is None else schedule,
            **others,
        )

    def __post_init__(self) -> None:
        _require("optimizer", self.optimizer, Optimizer, "an Optimizer", "Pass one such as Adam(2e-3).")
        if self.clip is not None:
            _require("clip", self.clip, Clip, "a clip or None", "Pass one such as ClipNorm(1.0).")
        _require("schedule", self.schedule, Schedule, "a schedule or None", "Pass one such as HalveOnRise().")
        _require_choice("reduction", self.reduction, ("mean", "sum"), "Use 'sum' for the article's.")
        _require_choice(
            "on_incident",
            self.on_incident,
            ON_INCIDENT,
            "Use 'rollback' to go on with half the learning rate.",
        )
        _require_number("val_fraction", self.val_fraction, "from 0 to below 1. Pass 0 to hold out nothing")
        _require_number("omega", self.omega, "of at least 0. Pass 0 for none")
        if not 0 <= self.omega < math.inf:
            raise ArgumentError(
                f"omega={self.omega!r} found; expected a finite number of at least 0. Pass 0 for none."
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise ArgumentError(f"seed {self.seed!r} found; expected an int of at least 0. Pass seed=0.")
        generator(self.seed)
        require_precision(self.precision)
        for name in ("batch_size", "keep_checkpoints", "threads"):
            require_count(name, getattr(self, name))
        for name in ("epochs", "max_steps", "eval_every", "checkpoint_every", "patience", "average"):
            if getattr(self, name) is not None:
                require_count(name, getattr(self, name))
        every = self.flow_every
        if every is not None and (
            isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 0
        ):
            raise ArgumentError(
                f"flow_every={every!r} found; expected None or an int of at least 0. Pass flow_every=0 for no probes."
            )
        if every == 0 and isinstance(self.truncation, Auto):
            raise ArgumentError(
                f"flow_every=0 found with {self.truncation!r}; expected at least 1, or None, as what it chooses comes from "
                "probes. Leave flow_every out."
            )
        if self.threads > self.batch_size:
            raise ArgumentError(
                f"threads={self.threads} found with batch_size={self.batch_size}; expected no more threads than there are "
                f"streams or sentences to share out. Pass threads={self.batch_size} at most."
            )
        if self.on_incident == "rollback" and self.keep_checkpoints < 2:
            raise ArgumentError(
                "keep_checkpoints=1 found with on_incident='rollback'; expected at least 2, as the newest may be what went "
                "wrong. Keep 3."
            )
        if self.val_fraction == 0:
            for name in ("patience", "average"):
                if getattr(self, name) is not None:
                    raise ArgumentError(
                        f"{name}={getattr(self, name)} found with val_fraction=0; expected a validation text, which it "
                        "goes by. Hold out a share such as 0.1."
                    )

    @property
    def look_back(self) -> int:
        """Steps before the new ones that an update runs again; under Auto that changes, and 0 are sure."""
        if self.by == "stream" and isinstance(self.truncation, Chunk):
            return self.truncation.k2 - self.truncation.k1
        return 0

    @property
    def within_update(self) -> Truncation:
        """The truncation of one update's steps: a stream's chunks have become its updates."""
        if isinstance(self.truncation, Auto) or (self.by == "stream" and isinstance(self.truncation, Chunk)):
            return Full()
        return self.truncation

    @property
    def structured(self) -> bool:
        """Whether gradients may be left as what they are made of."""
        return self.optimizer.structured and (self.clip is None or self.clip.structured)

    def steps(self, steps_per_epoch: int) -> int:
        """How many updates are planned."""
        limits = [self.max_steps, None if self.epochs is None else self.epochs * steps_per_epoch]
        return min(limit for limit in limits if limit is not None)

    def interval(self, steps_per_epoch: int, train_tokens: int, val_tokens: int) -> int:
        """Updates from one evaluation to the next: at least one an epoch, about twenty in all."""
        if self.eval_every is not None:
            return self.eval_every
        tokens_per_step = train_tokens / steps_per_epoch
        affordable = math.ceil(_FORWARD * val_tokens / tokens_per_step / _SHARE)
        wanted = self.steps(steps_per_epoch) // _EVALUATIONS
        return max(1, min(steps_per_epoch, max(wanted, affordable)))

    def record(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        spelled = {
            "truncation": str(self.truncation),
            "optimizer": optimizer_record(self.optimizer),
            "schedule": str(self.schedule),
            "clip": clip_record(self.clip),
        }
        return {each.name: spelled.get(each.name, getattr(self, each.name)) for each in fields(self)}


def _require(name: str, value: Any, kind: type, expected: str, remedy: str) -> None:
    if isinstance(value, type) or not isinstance(value, kind):
        raise ArgumentError(f"{name} {value!r} found; expected {expected}. {remedy}")


def _require_choice(name: str, value: Any, choices: tuple[str, ...], remedy: str) -> None:
    if value not in choices:
        raise ArgumentError(f"{name} {value!r} found; expected one of {', '.join(choices)}. {remedy}")


def _require_number(name: str, value: Any, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ArgumentError(f"{name} {value!r} found; expected a number {expected}.")


def _reach(
    truncation: Truncation | Auto | None, seq_len: int | None, by: By
) -> tuple[Truncation | Auto, int | None]:
    """How far the gradient goes back, and how many new steps an update sees."""
    if by == "sentence":
        if seq_len is not None:
            raise ArgumentError(
                f"seq_len={seq_len} found with by='sentence'; expected none, as each sentence is taken whole. "
                "Leave it out, or limit the gradient with truncation=Chunk(k)."
            )
        if isinstance(truncation, Auto):
            raise ArgumentError(
                f"{truncation!r} found with by='sentence'; expected it by stream only, as a sentence has no past to look back "
                "over. Use Full(), or by='stream'."
            )
        return truncation or Full(), None
    if isinstance(truncation, Chunk):
        if seq_len is not None:
            raise ArgumentError(
                f"seq_len={seq_len} found with {truncation!r}; expected one of the two, as a chunk's length is the "
                "number of steps per update. Leave seq_len out."
            )
        return truncation, truncation.k1
    seq_len = seq_len or DEFAULT_SEQ_LEN
    return truncation or Chunk(seq_len), seq_len
