"""What a comparison reports while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from throughtime.compare.outcome import Outcome
from throughtime.data.progress import Progress
from throughtime.training.events import Event, Noticed


@dataclass(frozen=True, slots=True)
class Begun:
    """All is in order, and the variants follow.

    Attributes
    ----------
    corpus : str
        What the text is called.
    outcomes : tuple of Outcome
        Of each variant in order: those that were trained earlier, and those to come.
    elsewhere : bool
        Whether they are trained out of sight: then little is told of one before its end.
    """

    corpus: str
    outcomes: tuple[Outcome, ...]
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """Something has happened in the training of a variant."""

    variant: str
    event: Event


@dataclass(frozen=True, slots=True)
class Ended:
    """A variant has come to its end, or diverged, and its numbers are on the disk."""

    outcome: Outcome


Told: TypeAlias = Begun | Training | Ended | Progress | Noticed
Listener: TypeAlias = Callable[[Told], object]
