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
    step, tokens : int
        Updates made by then, and predictions learned from.
    loss : float
        Nats per token: of the validation text, or without one of the training since the point before.
    bits_per_char : float or None
        None where not every character is scored.
    """

    step: int
    tokens: int
    loss: float
    bits_per_char: float | None


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
        The records of flow.jsonl, in order of time; each has `tokens`, too.
    steps, tokens : int
        Made, and learned from.
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
    updates = [record for record in records if "loss" in record]
    tokens = {0: 0} | {record["step"]: record["tokens"] for record in updates}
    evaluations = [record for record in records if "val_loss" in record]
    scored = [
        Scored(r["step"], _at(tokens, r["step"]), r["val_loss"], r["val_bits_per_char"]) for r in evaluations
    ]
    probes = read_metrics(run / FLOW) if (run / FLOW).exists() else []
    return Course(
        scored or _stretches(updates),
        bool(scored),
        next((record for record in reversed(evaluations) if record["best"]), None),
        [{**probe, "tokens": _at(tokens, probe["step"])} for probe in probes],
        updates[-1]["step"] if updates else 0,
        updates[-1]["tokens"] if updates else 0,
        sum(record["clipped"] for record in updates) / max(1, len(updates)),
        next((record["step"] for record in reversed(records) if record.get("action") == "stop"), None),
    )


def _at(tokens: dict[int, int], step: int) -> int:
    """The tokens by a step; an update that was left out has no record, and the one before counts."""
    while step not in tokens:
        step -= 1
    return tokens[step]


def _stretches(updates: list[dict[str, Any]]) -> list[Scored]:
    """The mean training loss of each of some stretches of equal length."""
    length = max(1, -(-len(updates) // _STRETCHES))
    parts = [updates[i : i + length] for i in range(0, len(updates), length)]
    return [
        Scored(part[-1]["step"], part[-1]["tokens"], sum(r["loss"] for r in part) / len(part), None)
        for part in parts
    ]
