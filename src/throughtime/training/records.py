"""The objects among a run's settings as JSON, and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from throughtime.errors import ArgumentError, RunError
from throughtime.optim import (
    SGD,
    Adam,
    AdamW,
    Clip,
    ClipAuto,
    ClipNorm,
    ClipValue,
    Momentum,
    Optimizer,
    RMSprop,
    Schedule,
    schedule_from_spec,
)
from throughtime.truncation import Auto, Truncation, parse_truncation

_OPTIMIZERS = {kind.name: kind for kind in (SGD, Momentum, RMSprop, Adam, AdamW)}
_CLIPS: dict[str, tuple[type[Clip], str]] = {
    "norm": (ClipNorm, "theta"),
    "value": (ClipValue, "value"),
    "auto": (ClipAuto, "multiple"),
}


def optimizer_record(optimizer: Optimizer) -> dict[str, Any]:
    """Its name, and the arguments that make it again."""
    return {"name": optimizer.name, **optimizer.settings()}


def clip_record(clip: Clip | None) -> dict[str, Any] | None:
    """The kind of a clip, and its number; of a user's own the class's name alone."""
    if clip is None:
        return None
    for name, (kind, number) in _CLIPS.items():
        if type(clip) is kind:
            return {"name": name, number: getattr(clip, number)}
    return {"name": type(clip).__name__}


def optimizer_of(record: dict[str, Any]) -> Optimizer:
    """The optimiser of a record.

    Raises
    ------
    RunError
        It makes none of throughtime's; so do the others.
    """
    with _known("optimizer", record):
        arguments = dict(record)
        return _OPTIMIZERS[arguments.pop("name")](**arguments)


def clip_of(record: dict[str, Any] | None) -> Clip | None:
    """The clip of a record."""
    if record is None:
        return None
    with _known("clip", record):
        arguments = dict(record)
        kind, _ = _CLIPS[arguments.pop("name")]
        return kind(**arguments)


def schedule_of(spec: str) -> Schedule:
    """The schedule of its spelling."""
    with _known("schedule", spec):
        return schedule_from_spec(spec)


def truncation_of(spec: str) -> Truncation | Auto:
    """The truncation of its spelling."""
    with _known("truncation", spec):
        return parse_truncation(spec)


@contextmanager
def _known(what: str, record: Any) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, KeyError, TypeError):
        raise RunError(
            f"the run's {what} is {record!r}, which throughtime cannot make; expected one of its own, with its arguments. "
            "Call fit(..., resume=True) with the same arguments as at its start."
        ) from None
