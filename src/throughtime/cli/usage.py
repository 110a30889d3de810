"""Errors in the use of the command line, each as one line: what was found, what was expected, what to do."""

import difflib
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

# The parser's own exceptions have no public names: these are the classes that the public one derives from.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_KINDS = {int: "a whole number", float: "a number", bool: "no value"}


def explain(error: Any, arguments: list[str]) -> str:
    """One line for a usage error.

    Parameters
    ----------
    error : UsageError
    arguments : list of str
        The command line, in which the value that was found is looked up.
    """
    context = error.ctx
    program = context.command_path if context is not None else "throughtime"
    see = f"See {program} --help."
    param = getattr(error, "param", None)
    option = getattr(error, "option_name", None)
    match type(error).__name__:
        case "NoSuchOption":
            known = [name for p in context.command.params for name in p.opts] if context is not None else []
            return f"{option} is unknown; expected an option of {program}. {_nearest(option, known)}{see}"
        case "MissingParameter" if param is not None:
            return f"{_name(param)} is missing; expected {_expected(context, param)}. {see}"
        case "BadParameter" if param is not None:
            found = _value(param, arguments)
            said = f"{_name(param)} is {found!r}" if found is not None else f"{_name(param)} is unfit"
            return f"{said}; expected {_expected(context, param)}. {see}"
        case "BadOptionUsage":
            wanted = next((p for p in context.command.params if option in p.opts), None)
            if wanted is not None and getattr(wanted, "is_flag", False):
                return f"{option} has a value; expected none. {see}"
            return f"{option} has no value; expected {_expected(context, wanted)}. {see}"
    verbs = getattr(context.command, "commands", None) if context is not None else None
    if verbs:
        verb = next((word for word in arguments if not word.startswith("-")), "")
        return f"{verb!r} is no verb; expected one of {', '.join(verbs)}. {_nearest(verb, list(verbs))}{see}"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; expected {_usage(context)}. {see}"


def _name(param: Any) -> str:
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name).strip("[].").upper()


def _expected(context: Any, param: Any) -> str:
    """What kind of value a parameter takes, from the annotation of the verb's function."""
    if context is None or param is None:
        return "a value"
    hint = get_type_hints(context.command.callback).get(param.name)
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    kind: Any = kinds[0]
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(str(member.value) for member in kind)
    if param.param_type_name == "argument":
        return str(param.help).rstrip(".").lower() if param.help else "a value"
    return _KINDS.get(kind, "a value")


def _value(param: Any, arguments: list[str]) -> str | None:
    """What the command line says for an option."""
    found = None
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in param.opts:
            found = value if equals else next(iter(arguments[place + 1 :]), None)
    return found


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}? " if near else ""


def _usage(context: Any) -> str:
    if context is None:
        return "other arguments"
    return str(context.get_usage()).removeprefix("Usage: ").strip()
