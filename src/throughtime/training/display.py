"""Training as one sees it in a terminal: a row for each evaluation, and below them one that keeps moving."""

import time
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from throughtime.training.events import Evaluated, Event, Finished, Listener, Started, Step, Stopped

# Without a terminal: a line at least so often, so that a log shows that training is alive.
_SILENCE = 10.0
_COLUMNS = ("step", 15), ("loss", 9), ("validation", 12), ("gradient", 11), ("tokens", 11), ("time", 11)


def display(stream: IO[str], quiet: bool = False) -> AbstractContextManager[Listener]:
    """What suits the stream: a live table in a terminal, plain lines elsewhere, nothing if quiet.

    Examples
    --------
    >>> import sys
    >>> with display(sys.stderr, quiet=True) as show:
    ...     pass  # fit(..., on_event=show)
    """
    if quiet:
        return nullcontext(lambda event: None)
    console = Console(file=stream, highlight=False)
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return PlainDisplay(stream)


class PlainDisplay(AbstractContextManager[Listener]):
    """Lines of text: one for each evaluation, and one now and then between them."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._rows = _Rows()
        self._spoke = time.monotonic()

    def __enter__(self) -> Listener:
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _show(self, event: Event) -> None:
        rows = self._rows
        rows.hear(event)
        match event:
            case Started():
                self._write(*_introduction(event), *rows.header())
            case Step() if time.monotonic() - self._spoke > _SILENCE:
                self._write(rows.row())
            case Evaluated():
                self._write(rows.row())
            case Finished() if event.val_loss is None:
                self._write(rows.row())

    def _write(self, *lines: str) -> None:
        for line in lines:
            self._stream.write(line.rstrip() + "\n")
        self._stream.flush()
        self._spoke = time.monotonic()


class LiveDisplay(AbstractContextManager[Listener]):
    """A table whose last row and bar are drawn anew eight times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = _Rows()
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
            case Started():
                title, *facts = _introduction(event)
                self._print(Text(title, "bold"), *(Text(fact, "dim") for fact in facts), Text())
                heading, units = rows.header()
                self._print(Text(heading, "bold"), Text(units, "dim"))
                self._live.start()
            case Evaluated():
                self._print(Text(rows.row(), "green" if event.best else ""))
            case Finished() | Stopped():
                if isinstance(event, Finished) and event.val_loss is None:
                    self._print(Text(rows.row()))
                self._live.stop()

    def _print(self, *lines: Text) -> None:
        for line in lines:
            self._console.print(line, no_wrap=True, overflow="crop")

    def _moving(self) -> Group:
        rows = self._rows
        if rows.step is None:
            waiting = "preparing; after an installation the kernels compile once, some 20 seconds"
            return Group(Text(waiting, "dim", no_wrap=True, overflow="ellipsis"))
        bar = ProgressBar(total=rows.step.steps, completed=rows.step.step, width=sum(w for _, w in _COLUMNS))
        return Group(Text(rows.row(), "bold", no_wrap=True, overflow="crop"), bar)


class _Rows:
    """The table's text, from the events so far."""

    def __init__(self) -> None:
        self.step: Step | None = None
        self._started: Started | None = None
        self._evaluated: Evaluated | None = None
        self._loss = 0.0  # averaged over some twenty batches, each of which differs

    def hear(self, event: Event) -> None:
        match event:
            case Started():
                self._started = event
            case Step():
                weight = max(0.05, 1 / event.step)
                self._loss += weight * (event.loss - self._loss)
                self.step = event
            case Evaluated():
                self._evaluated = event

    def header(self) -> tuple[str, str]:
        """Two lines: what the columns are, and their units."""
        started = self._started
        bits = started is None or started.bits
        steps = "" if started is None else f"of {started.steps:,}"
        units = (steps, "nats", "bits/char" if bits else "perplexity", "norm", "a second", "left")
        return _line([name for name, _ in _COLUMNS]), _line(units)

    def row(self) -> str:
        """The present numbers."""
        step, found = self.step, self._evaluated
        if step is None:
            return ""
        validation = "-"
        if found is not None:
            bits = found.bits_per_char
            validation = f"{found.perplexity:.4g}" if bits is None else f"{bits:.3f}"
        gradient = f"{step.grad_norm:.3g}" + (" >" if step.clipped else "")
        return _line(
            [
                f"{step.step:,}",
                f"{self._loss:.3f}",
                validation,
                gradient,
                f"{step.tokens_per_second:,.0f}",
                clock(step.seconds_left),
            ]
        )


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss.

    Examples
    --------
    >>> clock(83.6), clock(4000)
    ('1:24', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _line(entries: "list[str] | tuple[str, ...]") -> str:
    return "".join(entry.rjust(width) for entry, (_, width) in zip(entries, _COLUMNS, strict=True))


def _introduction(event: Started) -> list[str]:
    held_out = f"{event.val_tokens:,} to be tested on" if event.val_tokens else "none held out"
    return [
        event.corpus,
        f"{event.model}: {event.num_params:,} parameters",
        f"{event.train_tokens:,} predictions to learn from, {held_out}; {event.steps_per_epoch:,} steps an epoch",
    ]
