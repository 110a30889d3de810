"""What may stand in a setting or a result, by the types that they are declared with."""

import math
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from throughtime.compare.record import is_of

# What a table of 64-bit numbers holds.
_LARGEST = 2**63


@cache
def kinds_of(table: type) -> MappingProxyType[str, Any]:
    """The declared type of each field of a dataclass."""
    return MappingProxyType(get_type_hints(table))


def fits(value: Any, kind: Any) -> bool:
    """Whether a value of JSON or TOML is of a declared type; true is no number, and no number is NaN or beyond all tables.

    Examples
    --------
    >>> fits(3, float), fits(True, int), fits(2**70, int), fits(None, int | None), fits("a", int)
    (True, False, False, True, False)
    """
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return False
    return is_of(value, kind) and not (isinstance(value, float) and not math.isfinite(value))


def plain_kind(kind: Any) -> type:
    """The type of a value that is there; all that may stand in a Literal are texts."""
    if get_origin(kind) is Literal:
        return str
    if isinstance(kind, type):
        return kind
    return next(plain_kind(each) for each in get_args(kind) if each is not type(None))


def kind_in_words(kind: Any) -> str:
    """What is expected of a setting, for whoever writes it."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    return {str: "a text in quotes", int: "a whole number", float: "a number"}[plain_kind(kind)]
