"""Training as one sees it in a terminal: a row for each evaluation, and below them one that keeps moving."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from throughtime.data.progress import Progress
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Listener,
    Noticed,
    Probed,
    Started,
    Step,
    Stopped,
)
from throughtime.training.lag_curve import lag_line
from throughtime.training.rows import PREPARING, WIDTH, Rows, incident, introduction, progress

# Without a terminal: a line at least so often, so that a log shows that training is alive.
_SILENCE = 10.0


def display(stream: IO[str], quiet: bool = False) -> AbstractContextManager[Listener]:
    """What suits the stream: a live table in a terminal, plain lines elsewhere; if quiet, only what should be known.

    Examples
    --------
    >>> import sys
    >>> with display(sys.stderr, quiet=True) as show:
    ...     pass  # fit(..., callbacks=[show])
    """
    if quiet:
        return QuietDisplay(stream)
    console = Console(file=stream, highlight=False)
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return PlainDisplay(stream)


class QuietDisplay(AbstractContextManager[Listener]):
    """A line for each notice and each incident, and no other."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __enter__(self) -> Listener:
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _show(self, event: Event) -> None:
        match event:
            case Noticed():
                self._write(event.line)
            case IncidentMet() if event.action != "stop":  # which its error tells
                self._write(incident(event))

    def _write(self, *lines: str) -> None:
        for line in lines:
            self._stream.write(line.rstrip() + "\n")
        self._stream.flush()


class PlainDisplay(QuietDisplay):
    """Lines of text: one for each evaluation, and one now and then between them."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self._rows = Rows()
        self._spoke = time.monotonic()

    def _show(self, event: Event) -> None:
        rows = self._rows
        rows.hear(event)
        match event:
            case Progress() if self._silent():
                self._write(progress(event))
            case Started():
                self._write(*introduction(event), PREPARING, *rows.header())
            case Step() if self._silent():
                self._write(rows.row())
            case Evaluated():
                self._write(rows.row())
            case Finished():
                if event.val_loss is None:
                    self._write(rows.row())
                if rows.probed is not None:
                    self._write(lag_line(rows.probed, plain=True))
            case _:
                super()._show(event)

    def _silent(self) -> bool:
        return time.monotonic() - self._spoke > _SILENCE

    def _write(self, *lines: str) -> None:
        super()._write(*lines)
        self._spoke = time.monotonic()


class LiveDisplay(AbstractContextManager[Listener]):
    """A table whose last row and bar are drawn anew eight times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = Rows()
        self._progress: Progress | None = None  # of the work before training
        self._live = Live(
            console=console,
            refresh_per_second=8,
            transient=True,
            get_renderable=self._moving,
            redirect_stdout=False,
        )

    def __enter__(self) -> Listener:
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _show(self, event: Event) -> None:
        rows = self._rows
        rows.hear(event)
        match event:
            case Progress():
                self._progress = event
                self._live.start()
            case Started():
                self._progress = None
                title, *facts = introduction(event)
                self._print(Text(title, "bold"), *(Text(fact, "dim") for fact in facts), Text())
                heading, units = rows.header()
                self._print(Text(heading, "bold"), Text(units, "dim"))
                self._live.start()
            case Evaluated():
                self._print(Text(rows.row(), "green" if event.best else ""))
            case Noticed():
                self._console.print(Text(event.line, "yellow"))
            case IncidentMet() if event.action != "stop":  # which its error tells
                self._console.print(Text(incident(event), "red"))
            case Finished():
                if event.val_loss is None:
                    self._print(Text(rows.row()))
                if rows.probed is not None:
                    self._print(self._lag_line(rows.probed))
                self._live.stop()
            case Stopped():
                self._live.stop()

    def _print(self, *lines: Text) -> None:
        for line in lines:
            self._console.print(line, no_wrap=True, overflow="crop")

    def _moving(self) -> Group:
        step, waited = self._rows.step, self._progress
        if waited is not None:
            bar = ProgressBar(total=waited.total, completed=waited.done, width=WIDTH)
            return Group(Text(progress(waited), no_wrap=True, overflow="ellipsis"), bar)
        if step is None:
            return Group(Text(PREPARING, "dim", no_wrap=True, overflow="ellipsis"))
        bar = ProgressBar(total=step.steps, completed=step.step, width=WIDTH)
        row = Text(self._rows.row(), "bold", no_wrap=True, overflow="crop")
        if self._rows.probed is None:
            return Group(row, bar)
        return Group(row, self._lag_line(self._rows.probed), bar)  # after a bar there is no new line

    def _lag_line(self, probed: Probed) -> Text:
        line = lag_line(probed, plain=self._console.options.ascii_only)
        return Text(line, "dim", no_wrap=True, overflow="crop")
