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
from throughtime.truncation import Truncation, parse_truncation

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
    """The optimiser of a record."""
    arguments = dict(record)
    kind = _OPTIMIZERS.get(arguments.pop("name"))
    if kind is None:
        raise _unknown("optimizer", record["name"])
    return kind(**arguments)


def clip_of(record: dict[str, Any] | None) -> Clip | None:
    """The clip of a record."""
    if record is None:
        return None
    arguments = dict(record)
    name = arguments.pop("name")
    if name not in _CLIPS:
        raise _unknown("clip", name)
    return _CLIPS[name][0](**arguments)


def schedule_of(spec: str) -> Schedule:
    """The schedule of its spelling."""
    with _known("schedule", spec):
        return schedule_from_spec(spec)


def truncation_of(spec: str) -> Truncation:
    """The truncation of its spelling."""
    with _known("truncation", spec):
        return parse_truncation(spec)


@contextmanager
def _known(what: str, spec: str) -> Iterator[None]:
    try:
        yield
    except ArgumentError:
        raise _unknown(what, spec) from None


def _unknown(what: str, name: str) -> RunError:
    return RunError(
        f"the run's {what} is {name!r}, which is none of throughtime's; expected one that can be made from its name. "
        "Call fit(..., resume=True) with the same arguments as at its start."
    )
