"""How far long work on a text has come, told a few times a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

# Between two reports: as often as an eye can follow, and too rarely to cost anything.
_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how far it has come.

    Attributes
    ----------
    what : str
        The work in a word or two, such as `tokenising`.
    done, total : int
        Bytes. `total` is None where nobody knows, as with standard input.
    """

    what: str
    done: int
    total: int | None


OnProgress: TypeAlias = Callable[[Progress], object]


class Report:
    """Calls back with the progress of one piece of work: at most ten times a second, and at its end.

    Parameters
    ----------
    on_progress : callable or None
        Called with each `Progress`.
    what, total
        As `Progress` has them.

    Examples
    --------
    >>> report = Report(print, "reading", 10)
    >>> report.at(3)
    >>> report.end(10)
    Progress(what='reading', done=10, total=10)
    """

    def __init__(self, on_progress: OnProgress | None, what: str, total: int | None) -> None:
        self._on_progress, self._what, self._total = on_progress, what, total
        self._told = time.monotonic()

    def at(self, done: int) -> None:
        """So much is done."""
        if self._on_progress is not None and time.monotonic() - self._told >= _SECONDS:
            self.end(done)

    def end(self, done: int) -> None:
        """All is done; told at any rate."""
        if self._on_progress is not None:
            self._told = time.monotonic()
            self._on_progress(Progress(self._what, done, self._total))
