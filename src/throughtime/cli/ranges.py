"""Which numbers an option takes: told in the words of the command line before anything is loaded."""

import math
from collections.abc import Callable
from typing import Any

import typer

from throughtime.cli.parameters import spelled
from throughtime.errors import ArgumentError

Check = Callable[[typer.Context, typer.CallbackParam, Any], Any]


def whole(least: int) -> Check:
    """The callback of an option that takes whole numbers from `least` on.

    Raises
    ------
    ArgumentError
        By what it returns: another number is found, on the command line or in a file of --config.
    """
    return _within(f"a whole number of at least {least}", lambda value: value >= least)


def _within(expected: str, fits: Callable[[Any], bool]) -> Check:
    def check(context: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
        if value is not None and not fits(value):
            name, shown = spelled(str(param.name)), f"{value:g}" if isinstance(value, float) else value
            see = f"See throughtime {context.info_name} --help."
            raise ArgumentError(f"{name} is {shown}; expected {expected}. {see}")
        return value

    return check


# None of them lets NaN pass.
POSITIVE = _within("a finite number above 0", lambda value: 0 < value < math.inf)
AT_LEAST_ZERO = _within("a finite number of at least 0", lambda value: 0 <= value < math.inf)
SHARE = _within("a number from 0 to below 1", lambda value: 0 <= value < 1)
PROBABILITY = _within("a probability above 0 and at most 1", lambda value: 0 < value <= 1)
