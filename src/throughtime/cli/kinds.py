"""What kind of value an option takes, from the annotation of its verb's parameter."""

from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", list: "a list of texts in quotes"}


def kind_of(command: Any, param: Any) -> Any:
    """The annotated type without its None: int, float, bool, str, list, a Literal or an Enum."""
    kind: Any = get_type_hints(command.callback).get(param.name)
    if get_origin(kind) in (Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    return list if get_origin(kind) is list else kind


def choices(kind: Any) -> tuple[str, ...]:
    """What there is to choose from; nothing for a kind without a fixed list."""
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(member.value) for member in kind)
    return ()


def describe(kind: Any) -> str:
    """A kind in words, as they follow 'expected'."""
    known = choices(kind)
    return f"one of {', '.join(known)}" if known else _WORDS.get(kind, "a value")
