"""Errors in the use of the command line, each as one line: what was found, what was expected, what to do."""

import difflib
import re
from typing import Any

import typer

from throughtime.cli.kinds import describe, kind_of

# The parser's own exceptions have no public names: this is the class that the public one derives from.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def explain(error: Any, arguments: list[str], program: Any) -> str:
    """One line for a usage error.

    Parameters
    ----------
    error : UsageError
    arguments : list of str
        The command line, in which the value that was found is looked up.
    program : command
        With all its verbs.
    """
    verb = verb_of(arguments)
    command = program.commands.get(verb, program)
    name = "throughtime" if command is program else f"throughtime {verb}"
    see = f"See {name} --help."
    param = getattr(error, "param", None)
    option = str(getattr(error, "option_name", ""))
    match type(error).__name__:
        case "NoSuchOption":
            near = _nearest(option, [known for p in command.params for known in p.opts])
            return f"{option} is unknown; expected an option of {name}. {near}{see}"
        case "MissingParameter" if param is not None:
            return f"{_name(param)} is missing; expected {_expected(command, param)}. {see}"
        case "BadParameter" if param is not None:
            found = _value(param, arguments)
            return f"{_name(param)} is {found!r}; expected {_expected(command, param)}. {see}"
        case "BadOptionUsage":
            wanted = next((p for p in command.params if option in p.opts), None)
            if wanted is None or wanted.is_flag:
                return f"{option} has a value; expected {option} alone. {see}"
            return f"{option} has no value; expected {_expected(command, wanted)}. {see}"
    if command is program:
        found = repr(verb) if verb else "no verb"
        verbs = ", ".join(program.commands)
        return f"{found} found; expected one of {verbs}. {_nearest(verb, list(program.commands))}{see}"
    message = error.format_message().rstrip(".")
    extra = re.search(r" \((?!s\))(.*)\)$", message)  # '... extra argument(s) (a b)'
    return f"{repr(extra.group(1)) + ' is too much' if extra else message}; expected {_usage(name, command)}. {see}"


def verb_of(arguments: list[str]) -> str:
    """The first word that is no option."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _name(param: Any) -> str:
    """A parameter as the user writes it."""
    return str(max(param.opts, key=len) if param.param_type_name == "option" else param.metavar or param.name)


def _expected(command: Any, param: Any) -> str:
    """What a parameter takes, from the annotation of the verb's function: what it is, or what kind of value."""
    kind = kind_of(command, param)
    if param.param_type_name == "argument" or (param.required and kind is str):
        clause = str(param.help).split(";")[0].rstrip(".")
        return clause[:1].lower() + clause[1:]
    return describe(kind)


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


def _usage(name: str, command: Any) -> str:
    arguments = [str(p.metavar or p.name) for p in command.params if p.param_type_name == "argument"]
    return " ".join([name, *arguments])
