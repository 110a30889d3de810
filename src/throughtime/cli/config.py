"""Options from a TOML file."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import typer

from throughtime.cli.kinds import choices, describe, kind_of
from throughtime.cli.parameters import key_of
from throughtime.errors import ArgumentError

# A file that named these would call for itself, or for another run's end.
_NEVER = ("config", "resume", "help")
# Texts that may also be numbers, which need no quotes.
_NUMBERS_OR_TEXTS = {"clip-norm": 'a number or "auto"'}


def take_config(context: typer.Context, path: str | None) -> str | None:
    """The callback of --config: the file's values become the defaults of the other options.

    Raises
    ------
    ArgumentError
        The file is missing or no TOML, or a key or a value of it is no option's.
    """
    if path is not None:
        context.default_map = read_config(path, context.command)
    return path


def read_config(path: str, command: Any) -> dict[str, Any]:
    """The values of a file by the names of the command's parameters.

    Raises
    ------
    ArgumentError
        See `take_config`.
    """
    params = {key_of(str(param.name)): param for param in command.params if param.name not in _NEVER}
    values = {}
    for key, value in _table(path).items():
        if isinstance(value, dict):
            raise ArgumentError(
                f"{path} has the table [{key}]; expected lines such as hidden-size = 128, as tables are not used. Write the "
                "keys at the top level."
            )
        param = params.get(key.replace("_", "-"))
        if param is None:
            near = difflib.get_close_matches(key.replace("_", "-"), params, n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise ArgumentError(
                f"{path} has the key {key!r}; expected an option of throughtime {command.name}. {meant}"
                f"See throughtime {command.name} --help."
            )
        values[str(param.name)] = _value(path, key, value, kind_of(command, param))
    return values


def _table(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArgumentError(
            f"{path} does not exist; expected a TOML file of options. Check the path."
        ) from None
    except OSError as error:
        raise ArgumentError(
            f"{path} cannot be read ({error.strerror}); expected a TOML file of options. Name another one."
        ) from None
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise ArgumentError(
            f'{path} is no TOML ({error}); expected lines such as hidden-size = 128 and cell = "gru". Correct it.'
        ) from None


def _value(path: str, key: str, value: Any, kind: Any) -> Any:
    """A value as the parser takes it, if it is of the option's kind."""
    match value:
        case bool():
            fits = kind is bool
        case int() | float() if kind is str:
            return str(value)  # an option such as clip-norm takes a number or a word
        case int():
            fits = kind in (int, float)
        case float():
            fits = kind is float
        case str():
            fits = kind is str or value in choices(kind)
        case list():
            fits = kind is list and all(isinstance(entry, str) for entry in value)
        case _:
            fits = False
    if not fits:
        plain = _NUMBERS_OR_TEXTS.get(key.replace("_", "-"), "a text in quotes")
        expected = plain if kind is str else describe(kind)
        shown = (
            f'"{value}"'
            if isinstance(value, str)
            else str(value).lower()
            if isinstance(value, bool)
            else value
        )
        raise ArgumentError(f"{path} has {key} = {shown}; expected {expected}. Correct the file.")
    return value
