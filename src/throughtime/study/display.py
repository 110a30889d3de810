"""A study as one sees it in a terminal: what has ended, how much is to come, and how long that may take."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import IO, TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from throughtime.study.run import Progress
from throughtime.study.words import ended_in_words, planned_in_words
from throughtime.training.rows import clock

Listener: TypeAlias = Callable[[Progress], object]
_WIDTH = 72


def display(stream: IO[str], quiet: bool = False) -> AbstractContextManager[Listener]:
    """What suits the stream: a bar under the lines in a terminal, lines alone elsewhere; if quiet, nothing."""
    if quiet:
        return nullcontext(lambda progress: None)
    console = Console(file=stream, highlight=False)
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(console)

    def show(progress: Progress) -> None:
        if line := in_words(progress):
            stream.write(line + "\n")
            stream.flush()

    return nullcontext(show)


def in_words(progress: Progress) -> str | None:
    """The trial that has just ended, and what is to come; None before the first of a new study."""
    if progress.ended is None:
        if not 0 < progress.done < progress.total:
            return None
        return f"{progress.done} of {progress.total} trials have their results already"
    ended = f"{planned_in_words(progress.ended.planned)}: {ended_in_words(progress.ended.result)}"
    return f"{progress.done} of {progress.total}{_left(progress.seconds_left)}; {ended}"


def _left(seconds: float | None) -> str:
    return f", about {clock(seconds)} left" if seconds else ""


class LiveDisplay(AbstractContextManager[Listener]):
    """A line for each trial that has ended, above a bar whose clock runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._since = monotonic()
        self._live = Live(
            console=console,
            refresh_per_second=2,
            transient=True,
            get_renderable=self._moving,
            redirect_stdout=False,
        )

    def __enter__(self) -> Listener:
        return self._hear

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def _hear(self, progress: Progress) -> None:
        self._live.start()
        self._progress, self._since = progress, monotonic()
        if line := in_words(progress._replace(seconds_left=None)):
            self._console.print(Text(line))

    def _moving(self) -> Group:
        progress = self._progress
        if progress is None:
            return Group()
        waited = monotonic() - self._since
        left = progress.seconds_left
        told = f"{clock(waited)} so far" if left is None else f"about {clock(max(left - waited, 0.0))} left"
        line = f"{progress.done} of {progress.total} trials, {told}"
        return Group(
            Text(line, no_wrap=True, overflow="ellipsis"),
            ProgressBar(total=progress.total, completed=progress.done, width=_WIDTH),
        )
