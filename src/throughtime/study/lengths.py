"""A length, or a range of lengths, as one types it."""

from throughtime.errors import ArgumentError


def parse_lengths(value: str, name: str = "length") -> int | tuple[int, int]:
    """A length, or the ends of a range.

    Examples
    --------
    >>> parse_lengths("50"), parse_lengths("50-200")
    (50, (50, 200))

    Raises
    ------
    ArgumentError
        It is neither.
    """
    ends = value.split("-")
    # Nine digits are more steps than any memory holds.
    if len(ends) > 2 or not all(
        end.isascii() and end.isdigit() and 0 < int(end[:10]) < 10**9 for end in ends
    ):
        raise ArgumentError(
            f"{name} is {value}; expected a whole number above 0, or a range of two. Spell it as 50, or 50-200."
        )
    return int(ends[0]) if len(ends) == 1 else (int(ends[0]), int(ends[1]))


def show_lengths(length: int | tuple[int, int]) -> str:
    """The same as one types it."""
    return str(length) if isinstance(length, int) else f"{length[0]}-{length[1]}"
