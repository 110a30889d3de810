"""The command line's spellings of schedules and of clips.

SCHEDULE is one part, or several separated by commas, whose factors multiply:
    ``constant``, alone; ``halve``, whenever the validation loss rises; ``exponential:RATE``, after every epoch;
    ``cosine``, down to nothing over all updates, ``cosine:SHARE``, to that share; ``warmup:UPDATES``, up over the first.

CLIP, of the norm
    a number, the largest norm allowed; ``auto``, twice the running average; ``auto:MULTIPLE`` of it.
"""

from collections.abc import Callable
from typing import NamedTuple

from throughtime.errors import ArgumentError
from throughtime.optim.clip import Clip, ClipNorm
from throughtime.optim.clip_auto import ClipAuto
from throughtime.optim.schedule import Constant, Cosine, Exponential, HalveOnRise, Product, Schedule, WarmUp


class _Part(NamedTuple):
    form: str  # square brackets around what may be left out
    make: Callable[..., Schedule]
    number: type[int] | type[float] = float


_PARTS = {
    "constant": _Part("constant", Constant),
    "halve": _Part("halve", HalveOnRise),
    "exponential": _Part("exponential:RATE", Exponential),
    "cosine": _Part("cosine[:SHARE]", Cosine),
    "warmup": _Part("warmup:UPDATES", WarmUp, int),
}


def schedule_from_spec(spec: str) -> Schedule:
    """Return the schedule of the command line's spelling.

    Parameters
    ----------
    spec : str
        As `throughtime.optim.grammar` describes it.

    Raises
    ------
    ArgumentError
        An unknown part, a number missing, superfluous or out of range, or parts that do not go together.

    Examples
    --------
    >>> type(schedule_from_spec("halve")).__name__
    'HalveOnRise'
    >>> str(schedule_from_spec("warmup:500,cosine:0.1"))
    'warmup:500,cosine:0.1'
    """
    parts = [_part(text.strip(), spec) for text in spec.split(",")]
    return parts[0] if len(parts) == 1 else Product(*parts)


def clip_norm_from_spec(spec: str) -> Clip:
    """Return the clip of the command line's spelling.

    Parameters
    ----------
    spec : str
        As `throughtime.optim.grammar` describes it.

    Raises
    ------
    ArgumentError
        The spelling is neither, or its number is out of range.

    Examples
    --------
    >>> str(clip_norm_from_spec("5")), str(clip_norm_from_spec("auto:3"))
    ('norm 5', 'auto:3')
    """
    name, colon, number = spec.strip().partition(":")
    try:
        if name == "auto":
            return ClipAuto(float(number)) if colon else ClipAuto()
        return ClipNorm(float(spec))
    except ValueError as error:  # an ArgumentError, too
        raise ArgumentError(
            f"clip of the norm {spec!r} found; expected a finite number above 0, auto, or auto:MULTIPLE with one above 1. "
            "Use auto, or a number such as 1."
        ) from error


def _part(text: str, spec: str) -> Schedule:
    name, colon, number = text.partition(":")
    if name not in _PARTS:
        raise ArgumentError(
            f"schedule {spec!r} has {text!r}; expected {', '.join(part.form for part in _PARTS.values())}, or several "
            "separated by commas. Choose among these."
        )
    form, make, kind = _PARTS[name]
    if colon and ":" in form:
        try:
            value = kind(number)
        except ValueError:
            value = None
        if value is not None:
            return make(value)
    elif not colon and (":" not in form or "[" in form):
        return make()
    raise ArgumentError(
        f"schedule {spec!r} has {text!r}; expected {form}{', a whole number' if kind is int else ''}. "
        "Spell it like this."
    )
