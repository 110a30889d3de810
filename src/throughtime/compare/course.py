"""What a run's files say of how it went: its learning curve, and how far its gradient reached."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from throughtime.training.directory import FLOW, METRICS
from throughtime.training.metrics import read_metrics

# Without a validation text the losses of so many stretches of training make the curve.
_STRETCHES = 40


@dataclass(frozen=True)
class Scored:
    """A point of a learning curve.

    Attributes
    ----------
    step : int
        Updates made by then.
    loss : float or None
        Nats per token: of the validation text, or without one of the training since the point before. None where it was
        no number.
    """

    step: int
    loss: float | None


@dataclass(frozen=True)
class Course:
    """How one run went.

    Attributes
    ----------
    scored : list of Scored
    held_out : bool
        Whether the points are of a validation text.
    best : dict or None
        The record of the best evaluation.
    probes : list of dict
        The records of flow.jsonl, in order of time.
    steps, tokens : int
        Updates made, and predictions learned from.
    train_loss : float or None
        Nats per token, mean over the last tenth of these updates.
    clipped_share : float
        The share of these updates whose gradient was clipped.
    diverged_at : int or None
        The update that was not made because training ended there.
    """

    scored: list[Scored]
    held_out: bool
    best: dict[str, Any] | None
    probes: list[dict[str, Any]]
    steps: int
    tokens: int
    train_loss: float | None
    clipped_share: float
    diverged_at: int | None


def read_course(run: Path) -> Course:
    """Read a run's metrics.jsonl and flow.jsonl.

    Raises
    ------
    RunError
        One of them is damaged, or there is no metrics.jsonl.
    """
    records = read_metrics(run / METRICS)
    probes = read_metrics(run / FLOW) if (run / FLOW).exists() else []
    updates = [record for record in records if "loss" in record]
    evaluations = [record for record in records if "val_loss" in record]
    scored = [Scored(record["step"], record["val_loss"]) for record in evaluations]
    last = updates[-_share(len(updates), 10) :]
    return Course(
        scored or _stretches(updates),
        bool(scored),
        next((record for record in reversed(evaluations) if record["best"]), None),
        probes,
        len(updates),  # the last one's step counts those that were left out, too
        updates[-1]["tokens"] if updates else 0,
        _mean_loss(last),
        sum(record["clipped"] for record in updates) / max(1, len(updates)),
        next((record["step"] for record in reversed(records) if record.get("action") == "stop"), None),
    )


def _stretches(updates: list[dict[str, Any]]) -> list[Scored]:
    """The mean training loss of each of some stretches of equal length."""
    length = _share(len(updates), _STRETCHES)
    parts = [updates[i : i + length] for i in range(0, len(updates), length)]
    return [Scored(part[-1]["step"], _mean_loss(part)) for part in parts]


def _share(count: int, parts: int) -> int:
    """How many make one of so many parts: at least 1."""
    return max(1, -(-count // parts))


def _mean_loss(updates: list[dict[str, Any]]) -> float | None:
    losses = [record["loss"] for record in updates if record["loss"] is not None]
    return sum(losses) / len(losses) if losses else None
