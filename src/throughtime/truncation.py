"""How far back in time the gradient goes."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from throughtime.errors import ArgumentError


class Segment(NamedTuple):
    """Losses of steps scored..stop - 1, differentiated through steps start..stop - 1 from a constant state."""

    start: int
    scored: int
    stop: int


@runtime_checkable
class Truncation(Protocol):
    """What a truncation says of one call over T steps.

    `segments` is the whole of it. Where a window says the same, all segments are differentiated side by side, lag by
    lag; otherwise in as many reverse sweeps as segments overlap.
    """

    def window(self, T: int) -> int | None:
        """The last lag of each output step's own gradient; None where there is no such limit."""

    def segments(self, T: int) -> Iterator[Segment]:
        """The pieces whose gradients add up to this truncation's, in order of time.

        One that starts at step 0 lets its gradient through to the given state.
        """


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

    def segments(self, T: int) -> Iterator[Segment]:
        if self.k >= T:
            yield Segment(0, 0, T)
            return
        for t in range(T):
            yield Segment(max(0, t - self.k), t, t + 1)

    def __str__(self) -> str:
        return f"window:{self.k}"


@dataclass(frozen=True, init=False)
class Chunk:
    """The losses of k1 new steps at a time, differentiated through the k2 steps that end with them.

    `Chunk(k)` is `Chunk(k, k)`: stateful chunks of k steps, the state carried over, the gradient cut at the edge. A
    greater k2 looks back beyond the edge: every loss then reaches over at least k2 - k1 lags. Averaged over offsets, a
    gradient at fixed parameters weighs lag l by min(1, max(0, (k2 - l) / k1)).

    A call of at most k2 steps is cut nowhere. So an update takes k1 new steps, and before them the k2 - k1 steps to
    look back over, their targets ignored. In a longer call the stretches of k1 steps begin with its first step.

    Parameters
    ----------
    k1 : int
        New steps at a time, 1 or more.
    k2 : int or None
        Steps looked back over, those included: k1 or more. None for k1.

    Raises
    ------
    ArgumentError
        k1 is less than 1, or k2 less than k1.

    References
    ----------
    Williams and Peng (1990), BPTT(h; h').

    Examples
    --------
    >>> list(Chunk(2).segments(5))
    [Segment(start=0, scored=0, stop=2), Segment(start=2, scored=2, stop=4), Segment(start=4, scored=4, stop=5)]
    >>> list(Chunk(2, 3).segments(5))
    [Segment(start=0, scored=0, stop=2), Segment(start=1, scored=2, stop=4), Segment(start=3, scored=4, stop=5)]
    """

    k1: int
    k2: int

    def __init__(self, k1: int, k2: int | None = None) -> None:
        _require_at_least("Chunk", k1, 1, "the number of new steps of a chunk")
        if k2 is None:
            k2 = k1
        elif isinstance(k2, bool) or not isinstance(k2, int | np.integer) or k2 < k1:
            raise ArgumentError(
                f"Chunk({k1!r}, {k2!r}) found; expected k2 to be a whole number of at least {k1}, the steps looked back "
                f"over, the new ones included. Use Chunk({k1}) to look no further than these."
            )
        object.__setattr__(self, "k1", int(k1))
        object.__setattr__(self, "k2", int(k2))

    def window(self, T: int) -> None:
        return None

    def segments(self, T: int) -> Iterator[Segment]:
        if self.k2 >= T:
            yield Segment(0, 0, T)
            return
        for scored in range(0, T, self.k1):
            yield Segment(max(0, scored + self.k1 - self.k2), scored, min(scored + self.k1, T))

    def __str__(self) -> str:
        return f"chunk:{self.k1}" if self.k2 == self.k1 else f"chunk:{self.k1},{self.k2}"


@dataclass(frozen=True, init=False)
class Auto:
    """The shortest truncation whose bias is within a tolerance, chosen anew while training.

    With k1 new steps an update it is `Chunk(k1, k1 + K)`: every loss reaches at least K lags back, K being the smallest
    whose relative bias, `throughtime.flow.curve.Curve.relative_bias`, is within the tolerance. It is no `Truncation`: what
    it says of a call is known only while a model trains.

    Parameters
    ----------
    tolerance : float
        What share of the gradient its bias may be; above 0.
    longest : int or None
        The greatest K, 0 or more: taken where no other serves. None leaves it to training.

    Raises
    ------
    ArgumentError
        One of the two is out of its range.

    References
    ----------
    C. Aicher, N. Foti and E. Fox, "Adaptively Truncating Backpropagation Through Time to Control Gradient Bias", UAI
    2019.

    Examples
    --------
    >>> str(Auto(0.1)), str(Auto(0.05, 200))
    ('auto:0.1', 'auto:0.05,200')
    """

    tolerance: float
    longest: int | None

    def __init__(self, tolerance: float, longest: int | None = None) -> None:
        is_number = isinstance(tolerance, int | float | np.number) and not isinstance(tolerance, bool)
        if not is_number or not 0 < tolerance < math.inf:
            raise ArgumentError(
                f"Auto({tolerance!r}) found; expected a finite number above 0, the share of the gradient that its bias may "
                "be. Use Auto(0.1)."
            )
        if longest is not None:
            _require_at_least("Auto", longest, 0, "the greatest lag allowed", f"{tolerance!r}, ")
            longest = int(longest)
        object.__setattr__(self, "tolerance", float(tolerance))
        object.__setattr__(self, "longest", longest)

    def __str__(self) -> str:
        tolerance = (
            f"{self.tolerance:g}" if float(f"{self.tolerance:g}") == self.tolerance else repr(self.tolerance)
        )
        return f"auto:{tolerance}" if self.longest is None else f"auto:{tolerance},{self.longest}"


def passes(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments in order of time as sets of some that do not overlap: one reverse sweep differentiates a whole set.

    Examples
    --------
    >>> passes(Chunk(2).segments(4))
    [[Segment(start=0, scored=0, stop=2), Segment(start=2, scored=2, stop=4)]]
    >>> len(passes(Chunk(20, 100).segments(1000)))
    5
    """
    found: list[list[Segment]] = []
    for one in segments:
        free = (each for each in found if each[-1].stop <= one.start)
        fitting = next(free, None)
        if fitting is None:
            found.append([one])
        else:
            fitting.append(one)
    return found


def require_truncation(truncation: Any) -> Truncation:
    """`truncation` itself; Full() for None.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    if isinstance(truncation, Auto):
        raise ArgumentError(
            f"truncation {truncation!r} found; expected Full(), Window(k), Chunk(k), Chunk(k1, k2) or None, as Auto chooses "
            "while fit trains. Pass Chunk(k1, k2) here."
        )
    return _required(truncation, "Full(), Window(k), Chunk(k), Chunk(k1, k2) or None")


def require_training_truncation(truncation: Any) -> Truncation | Auto:
    """`truncation` itself, which may be Auto; Full() for None.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    if isinstance(truncation, Auto):
        return truncation
    return _required(truncation, "Full(), Window(k), Chunk(k), Chunk(k1, k2), Auto(tolerance) or None")


def parse_truncation(spec: str) -> Truncation | Auto:
    """The truncation that a command-line spelling means.

    One of full, window:K, chunk:K, chunk:K1,K2, auto:TOLERANCE, auto:TOLERANCE,LONGEST.

    Raises
    ------
    ArgumentError
        The spelling is none of these, or a number is out of range.

    Examples
    --------
    >>> parse_truncation("window:4")
    Window(k=4)
    >>> parse_truncation("chunk:20,100")
    Chunk(k1=20, k2=100)
    >>> parse_truncation("auto:0.1")
    Auto(tolerance=0.1, longest=None)
    """
    name, _, rest = spec.partition(":")
    numbers = [_number(text) for text in rest.split(",")] if rest else []
    match name, numbers:
        case "full", [] if spec == name:
            return Full()
        case "window", [int(k)]:
            return Window(k)
        case "chunk", [int(k1)]:
            return Chunk(k1)
        case "chunk", [int(k1), int(k2)]:
            return Chunk(k1, k2)
        case "auto", [int(tolerance) | float(tolerance)]:
            return Auto(tolerance)
        case "auto", [int(tolerance) | float(tolerance), int(longest)]:
            return Auto(tolerance, longest)
    raise ArgumentError(
        f"truncation {spec!r} found; expected full, window:K, chunk:K, chunk:K1,K2, auto:TOLERANCE or "
        "auto:TOLERANCE,LONGEST. Try chunk:50, chunk:20,100 for 20 new steps that look back over 100, window:4 for the "
        "article's bptt_truncate, or auto:0.1 for a bias of at most a tenth."
    )


def _required(truncation: Any, expected: str) -> Truncation:
    if truncation is None:
        return Full()
    if isinstance(truncation, type) or not isinstance(truncation, Truncation):
        raise ArgumentError(
            f"truncation {truncation!r} found; expected {expected}. Use parse_truncation for a command-line spelling."
        )
    return truncation


def _number(text: str) -> int | float | None:
    """What the text spells; None for no number."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None


def _require_at_least(name: str, k: int, least: int, meaning: str, before: str = "") -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < least:
        raise ArgumentError(
            f"{name}({before}{k!r}) found; expected a whole number of at least {least}, {meaning}. Use Full() for no "
            "truncation."
        )
