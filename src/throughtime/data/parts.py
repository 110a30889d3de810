"""A training part and a validation part."""

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

from throughtime.errors import ArgumentError, TextError

Items = TypeVar("Items", bound=Sequence[object])


def split(items: Items, val_fraction: float, *, least: int = 2, what: str = "tokens") -> tuple[Items, Items]:
    """Part a sequence by position: training first, validation last, nothing in both.

    Parameters
    ----------
    items : sequence
        Token ids, or sentences. Anything that slices.
    val_fraction : float
        The share that validation gets, at least `least` items; 0 gives it none.
    least : int
        How many items each part needs: 2 tokens make one prediction.
    what : str
        What the items are, for the error message.

    Returns
    -------
    (train, val)
        Slices of `items`, of its own type.

    Raises
    ------
    ArgumentError
        `val_fraction` is not in [0, 1).
    TextError
        Too few items.

    Examples
    --------
    >>> split([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.2)
    ([1, 2, 3, 4, 5, 6, 7, 8], [9, 10])
    """
    if not 0 <= val_fraction < 1:
        raise ArgumentError(
            f"val_fraction is {val_fraction}; expected 0 <= val_fraction < 1. Give 0.1 to hold out a tenth."
        )

    def train_size(n: int) -> int:
        return n if val_fraction == 0 else min(math.ceil(n * (1 - val_fraction)), n - least)

    n = len(items)
    if train_size(n) < least:
        # The bound ignores rounding, which the search from just below it then settles.
        bound = max(n + 1, math.floor((least - 1) / (1 - val_fraction)) - 1)
        needed = next(m for m in itertools.count(bound) if train_size(m) >= least)
        raise TextError(
            f"the text has {n} {what}; expected at least {needed} to hold out a share of {val_fraction:g}. "
            "Give a longer text, or another val_fraction."
        )
    cut = train_size(n)
    return items[:cut], items[cut:]  # type: ignore[return-value]  # a slice of Items is an Items
