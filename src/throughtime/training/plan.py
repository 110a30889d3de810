"""The settings of a training run, checked together before anything is read or written."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.initial import generator
from throughtime.networks.validation import require_count
from throughtime.optim import Clip, ClipNorm, ClipValue, Constant, HalveOnRise, Optimizer, Schedule
from throughtime.training.evaluate import By, require_by
from throughtime.truncation import Chunk, Full, Truncation

DEFAULT_SEQ_LEN = 50
# About so many evaluations a run, but never so often that they cost more than a tenth of it: going forward over a
# token costs a third of learning from it.
_EVALUATIONS = 20
_SHARE = 0.1
_FORWARD = 1 / 3


@dataclass(frozen=True)
class Plan:
    """How a model is trained; the attributes are `fit`'s arguments, with nothing left open.

    Attributes
    ----------
    seq_len : int or None
        Steps per update; None where each sentence is taken whole.
    """

    optimizer: Optimizer
    truncation: Truncation
    clip: Clip | None
    schedule: Schedule
    by: By
    batch_size: int
    seq_len: int | None
    epochs: int
    max_steps: int | None
    val_fraction: float
    eval_every: int | None
    reduction: str
    seed: int

    def steps(self, steps_per_epoch: int) -> int:
        """How many updates are planned."""
        steps = self.epochs * steps_per_epoch
        return steps if self.max_steps is None else min(steps, self.max_steps)

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
        return {
            "by": self.by,
            "batch_size": self.batch_size,
            "seq_len": self.seq_len,
            "truncation": str(self.truncation),
            "reduction": self.reduction,
            "optimizer": {"name": self.optimizer.name, **self.optimizer.settings()},
            "schedule": describe_schedule(self.schedule),
            "clip": describe_clip(self.clip),
            "epochs": self.epochs,
            "max_steps": self.max_steps,
            "val_fraction": self.val_fraction,
            "eval_every": self.eval_every,
            "seed": self.seed,
        }


def make_plan(
    optimizer: Optimizer,
    truncation: Truncation | None,
    clip: Clip | None,
    schedule: Schedule | None,
    by: By,
    batch_size: int,
    seq_len: int | None,
    epochs: int,
    max_steps: int | None,
    val_fraction: float,
    eval_every: int | None,
    reduction: str,
    seed: int,
) -> Plan:
    """Check `fit`'s settings, and settle what was left open.

    Raises
    ------
    ArgumentError
        A setting is out of range, or two contradict each other.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"optimizer {optimizer!r} found; expected an Optimizer. Pass one such as Adam(2e-3)."
        )
    if truncation is not None and not hasattr(truncation, "segments"):
        raise ArgumentError(
            f"truncation {truncation!r} found; expected a truncation. Pass Full(), Window(k) or Chunk(k)."
        )
    if clip is not None and not hasattr(clip, "apply"):
        raise ArgumentError(f"clip {clip!r} found; expected a clip or None. Pass ClipNorm({clip!r}).")
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"reduction {reduction!r} found; expected 'mean' or 'sum'. Use 'sum' for the article's."
        )
    if schedule is not None and not hasattr(schedule, "after_evaluation"):
        raise ArgumentError(
            f"schedule {schedule!r} found; expected a schedule or None. Pass throughtime.optim.HalveOnRise()."
        )
    if isinstance(val_fraction, bool) or not isinstance(val_fraction, int | float | np.integer | np.floating):
        raise ArgumentError(
            f"val_fraction {val_fraction!r} found; expected a number from 0 to below 1. Pass 0 to hold out nothing."
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ArgumentError(f"seed {seed!r} found; expected an int of at least 0. Pass seed=0.")
    generator(seed)
    require_by(by)
    for name, value in (("max_steps", max_steps), ("eval_every", eval_every), ("seq_len", seq_len)):
        if value is not None:
            require_count(name, value)
    truncation, seq_len = _reach(truncation, seq_len, by)
    return Plan(
        optimizer,
        truncation,
        clip,
        schedule or Constant(),
        by,
        require_count("batch_size", batch_size),
        seq_len,
        require_count("epochs", epochs),
        max_steps,
        float(val_fraction),
        eval_every,
        reduction,
        int(seed),
    )


def _reach(truncation: Truncation | None, seq_len: int | None, by: By) -> tuple[Truncation, int | None]:
    """How far the gradient goes back, and how many steps an update sees."""
    if by == "sentence":
        if seq_len is not None:
            raise ArgumentError(
                f"seq_len={seq_len} found with by='sentence'; expected none, as each sentence is taken whole. "
                "Leave it out, or limit the gradient with truncation=Chunk(k)."
            )
        return truncation or Full(), None
    if isinstance(truncation, Chunk):
        if seq_len is not None:
            raise ArgumentError(
                f"seq_len={seq_len} found with {truncation!r}; expected one of the two, as a chunk's length is the "
                "number of steps per update. Leave seq_len out."
            )
        return truncation, truncation.k
    seq_len = seq_len or DEFAULT_SEQ_LEN
    return truncation or Chunk(seq_len), seq_len


def describe_clip(clip: Clip | None) -> str:
    """A clip in a few words."""
    match clip:
        case None:
            return "none"
        case ClipNorm():
            return f"norm {clip.theta:g}"
        case ClipValue():
            return f"value {clip.value:g}"
    return type(clip).__name__


def describe_schedule(schedule: Schedule) -> str:
    """A schedule as the command line spells it."""
    match schedule:
        case Constant():
            return "constant"
        case HalveOnRise():
            return "halve"
    return type(schedule).__name__
