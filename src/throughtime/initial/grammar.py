"""The spelling of a start: ``WHOLE,TARGET=START,TARGET=START``, either part alone, too.

WHOLE is how all weights start: ``default`` (PyTorch's) or ``article``; without it, default. Items then start some of
them anew, from left to right, in every layer.

TARGET
    ``weight_ih``, ``weight_hh``; ``readout`` and ``embedding``, their weights; ``bias``, all biases, the readout's too;
    ``bias_f`` and so on, that of one gate. A gate has two biases that add up: bias_ih takes the start, bias_hh zero.

START, of a weight
    ``uniform`` on +-1/sqrt(columns), ``uniform:0.1`` on +-0.1; ``xavier``; ``orthogonal``, ``orthogonal:GAIN``;
    ``identity``, ``identity:SCALE``; ``normal:SD``; ``zero``; ``smart-tanh``, of weight_hh. Each gate's block by itself.

START, of a bias
    a number; ``uniform:BOUND``; ``normal:SD``; ``zero``; ``chrono:TMAX``, of bias, which starts the biases of gates f
    and i for memories of up to TMAX steps and leaves the others.
"""

import math
from dataclasses import dataclass
from typing import Any

from throughtime.errors import ArgumentError

WHOLE = ("default", "article")
TARGETS = ("weight_ih", "weight_hh", "bias", "bias_GATE", "readout", "embedding")
NUMBER = "number"

# By name, how each is spelled: square brackets for a number that may be left out.
_OF_WEIGHTS = {
    "uniform": "uniform[:BOUND]",
    "xavier": "xavier",
    "orthogonal": "orthogonal[:GAIN]",
    "identity": "identity[:SCALE]",
    "normal": "normal:SD",
    "zero": "zero",
}
_OF_BIASES = {"uniform": "uniform:BOUND", "normal": "normal:SD", "zero": "zero", NUMBER: "a number"}
_FORMS = {
    "weight_ih": _OF_WEIGHTS,
    "weight_hh": {**_OF_WEIGHTS, "smart-tanh": "smart-tanh"},
    "readout": _OF_WEIGHTS,
    "embedding": _OF_WEIGHTS,
    "bias": {**_OF_BIASES, "chrono": "chrono:TMAX"},
}

# What a start's number must exceed; chrono draws from U(1, TMAX - 1).
_LEAST = {"chrono": 2}
# Beyond this, float32 would soon be infinite.
_MOST = 1e30


@dataclass(frozen=True)
class Item:
    """One ``TARGET=START``; `start` is a name, or "number" where the start is the number itself."""

    target: str
    start: str
    number: float | None
    text: str


@dataclass(frozen=True)
class Initialisation:
    """A start of the whole network, and what then starts otherwise."""

    whole: str
    items: tuple[Item, ...]


def parse_initialisation(spec: Any) -> Initialisation:
    """What a spelling of `throughtime.initial.grammar` means; whether a cell has a gate is not known here.

    Raises
    ------
    ArgumentError
        An unknown target or start, a number missing, superfluous or out of range, or a target named twice.

    Examples
    --------
    >>> for item in parse_initialisation("weight_hh=orthogonal:0.9,bias_f=1").items:
    ...     print(item.target, item.start, item.number)
    weight_hh orthogonal 0.9
    bias_f number 1.0
    """
    if not isinstance(spec, str):
        raise ArgumentError(
            f"init {spec!r} found; expected a string: {', '.join(WHOLE)}, or items TARGET=START. Use default, PyTorch's start."
        )
    parts = [part.strip() for part in spec.split(",")]
    whole = parts.pop(0) if parts[0] in WHOLE else WHOLE[0]
    items = tuple(_parse_item(part, spec) for part in parts)
    targets = [item.target for item in items]
    for target in targets:
        if targets.count(target) > 1:
            raise ArgumentError(
                f"init {spec!r} names {target} twice; expected each target once. Leave one out."
            )
    return Initialisation(whole, items)


def _parse_item(text: str, spec: str) -> Item:
    target, equals, spelling = (part.strip() for part in text.partition("="))
    if not equals:
        raise ArgumentError(
            f"init {spec!r} has {text!r}; expected {' or '.join(WHOLE)}, first, and items TARGET=START after commas. "
            "Write for example weight_hh=orthogonal,bias_f=1."
        )
    forms = _OF_BIASES if target.startswith("bias_") else _FORMS.get(target)
    if forms is None:
        raise ArgumentError(
            f"init target {target!r} found; expected one of {', '.join(TARGETS)}. Choose one of these."
        )
    name, colon, digits = spelling.partition(":")
    form = forms.get(name, "") if name != NUMBER else ""
    number = _number(spelling) if NUMBER in forms else None
    if number is not None and abs(number) < _MOST:
        return Item(target, NUMBER, number, text)
    if not form:
        raise ArgumentError(
            f"init {text} found; expected for {target} one of {', '.join(forms.values())}. Choose one of these."
        )
    superfluous, missing = colon and ":" not in form, not colon and ":" in form and "[" not in form
    if superfluous or missing:
        raise ArgumentError(
            f"init {text} found; expected {target}={form}. {'Leave the number out' if colon else 'Give a number'}."
        )
    return Item(target, name, _above(text, name, form, digits) if colon else None, text)


def _above(text: str, name: str, form: str, digits: str) -> float:
    number, least = _number(digits), _LEAST.get(name, 0)
    if number is None or not least < number < _MOST:
        raise ArgumentError(
            f"init {text} found; expected {form} with a number above {least} and below 1e30. Give one such as "
            f"{name}:{'100' if least else '0.5'}."
        )
    return number


def _number(digits: str) -> float | None:
    """The number that `digits` spell, NaN and infinity apart, which are none."""
    try:
        number = float(digits)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
