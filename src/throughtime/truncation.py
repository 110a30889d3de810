"""How far back in time the gradient goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array


class Segment(NamedTuple):
    """Losses of steps scored..stop - 1, differentiated through steps start..stop - 1 from a constant state."""

    start: int
    scored: int
    stop: int


@runtime_checkable
class Truncation(Protocol):
    """What a truncation says of one call over T steps.

    A sweep asks for `window` and `cuts`. `segments` says the same a second time, as what is differentiated: checks by
    finite differences use it, and no sweep does.
    """

    def window(self, T: int) -> int | None:
        """The last lag of each output step's own gradient; None where there is no such limit."""

    def cuts(self, T: int) -> Array | None:
        """(T,) of bool: whether no gradient crosses from step t to t - 1; None where all do."""

    def segments(self, T: int) -> Iterator[Segment]:
        """The pieces whose gradients add up to this truncation's."""


@dataclass(frozen=True)
class Full:
    """One exact reverse sweep over the whole call.

    Examples
    --------
    >>> list(Full().segments(5))
    [Segment(start=0, scored=0, stop=5)]
    """

    def window(self, T: int) -> None:
        return None

    def cuts(self, T: int) -> None:
        return None

    def segments(self, T: int) -> Iterator[Segment]:
        yield Segment(0, 0, T)

    def __str__(self) -> str:
        return "full"


@dataclass(frozen=True)
class Window:
    """The article's `bptt_truncate`: every output step reaches back over lags 0..k.

    A time lag over all layers at once: as if, for each t, the state of every layer at t - k - 1 were constant. Does
    not reach across the edge of the call.

    Parameters
    ----------
    k : int
        The last lag, 0 or more.

    Raises
    ------
    ArgumentError
        k is negative. The article's code takes -1 and silently returns zero gradients.

    Examples
    --------
    >>> list(Window(1).segments(3))
    [Segment(start=0, scored=0, stop=1), Segment(start=0, scored=1, stop=2), Segment(start=1, scored=2, stop=3)]
    """

    k: int

    def __post_init__(self) -> None:
        _require_at_least("Window", self.k, 0, "the last lag that a gradient reaches")

    def window(self, T: int) -> int | None:
        return self.k if self.k < T else None  # beyond that, not even the initial state is left out

    def cuts(self, T: int) -> None:
        return None

    def segments(self, T: int) -> Iterator[Segment]:
        for t in range(T):
            yield Segment(max(0, t - self.k), t, t + 1)

    def __str__(self) -> str:
        return f"window:{self.k}"


@dataclass(frozen=True)
class Chunk:
    """Stateful chunks of k steps: the state is carried over, the gradient is cut at the edge.

    Averaged over offsets, a gradient at fixed parameters weighs lag l by max(0, (k - l) / k).

    Parameters
    ----------
    k : int
        Steps per chunk, 1 or more.

    Raises
    ------
    ArgumentError
        k is less than 1.

    Examples
    --------
    >>> list(Chunk(2).segments(5))
    [Segment(start=0, scored=0, stop=2), Segment(start=2, scored=2, stop=4), Segment(start=4, scored=4, stop=5)]
    """

    k: int

    def __post_init__(self) -> None:
        _require_at_least("Chunk", self.k, 1, "the number of steps of a chunk")

    def window(self, T: int) -> None:
        return None

    def cuts(self, T: int) -> Array | None:
        if self.k >= T:
            return None
        steps = np.arange(T)
        edges: Array = (steps % self.k == 0) & (steps > 0)
        return edges

    def segments(self, T: int) -> Iterator[Segment]:
        for start in range(0, T, self.k):
            yield Segment(start, start, min(start + self.k, T))

    def __str__(self) -> str:
        return f"chunk:{self.k}"


def require_truncation(truncation: Any) -> Truncation:
    """`truncation` itself; Full() for None.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    if truncation is None:
        return Full()
    if isinstance(truncation, type) or not isinstance(truncation, Truncation):
        raise ArgumentError(
            f"truncation {truncation!r} found; expected Full(), Window(k), Chunk(k) or None. Use parse_truncation for a "
            "command-line spelling."
        )
    return truncation


def parse_truncation(spec: str) -> Truncation:
    """The truncation that a command-line spelling means: full, window:K, chunk:K.

    Raises
    ------
    ArgumentError
        The spelling is none of these, or its number is out of range.

    Examples
    --------
    >>> parse_truncation("window:4")
    Window(k=4)
    """
    name, _, number = spec.partition(":")
    if spec == "full":
        return Full()
    kinds: dict[str, type[Window] | type[Chunk]] = {"window": Window, "chunk": Chunk}
    try:
        steps = int(number)
    except ValueError:
        steps = None
    if name not in kinds or steps is None:
        raise ArgumentError(
            f"truncation {spec!r} found; expected full, window:K or chunk:K. Try chunk:50, or window:4 for the "
            "article's bptt_truncate."
        )
    return kinds[name](steps)


def _require_at_least(name: str, k: int, least: int, meaning: str) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < least:
        raise ArgumentError(
            f"{name}({k!r}) found; expected a whole number of at least {least}, {meaning}. Use Full() for no truncation."
        )
