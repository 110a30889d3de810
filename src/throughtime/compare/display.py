"""A comparison as one sees it in a terminal: a row for each variant, the one in work moving."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from throughtime.compare.events import Begun, Ended, Listener, Told, Training
from throughtime.compare.outcome import Outcome
from throughtime.compare.readings import unit_of
from throughtime.data.progress import Progress
from throughtime.training.display import PlainDisplay
from throughtime.training.events import IncidentMet, Noticed
from throughtime.training.rows import PREPARING, WIDTH, Rows, clock, incident, progress

_STYLES = {"finished": "green", "diverged": "red"}


def display(stream: IO[str], quiet: bool = False) -> AbstractContextManager[Listener]:
    """What suits the stream: a live table in a terminal, plain lines elsewhere; if quiet, only what should be known."""
    if quiet:
        return QuietDisplay(stream)
    console = Console(file=stream, highlight=False)
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveDisplay(console)
    return LinesDisplay(stream)


class QuietDisplay(AbstractContextManager[Listener]):
    """A line for each notice, each incident and each divergence, under its variant's name."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __enter__(self) -> Listener:
        return self._hear

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _hear(self, told: Told) -> None:
        if line := _notice(told):
            self._write(line)

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class LinesDisplay(QuietDisplay):
    """The training of each variant, as a single run's is shown, under a line that names it."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self._variant: str | None = None
        self._numbers: dict[str, str] = {}
        self._elsewhere = False
        self._show = PlainDisplay(stream).__enter__()

    def _hear(self, told: Told) -> None:
        match told:
            case Begun():
                names = [outcome.variant for outcome in told.outcomes]
                self._numbers = {name: f"{i} of {len(names)}" for i, name in enumerate(names, start=1)}
                self._elsewhere = told.elsewhere
            case Training() if self._elsewhere:
                super()._hear(told)
            case Ended() if self._elsewhere:
                name = told.outcome.variant
                self._write(f"{name}, {self._numbers[name]}: {ended(told.outcome)}")
            case Training():
                if told.variant != self._variant:
                    self._variant = told.variant
                    self._show = PlainDisplay(self._stream).__enter__()
                    self._write(f"\n{told.variant}, {self._numbers[told.variant]}")
                self._show(told.event)
            case Ended() if told.outcome.stopped is not None:
                self._write(told.outcome.stopped)
            case Progress() | Noticed():
                self._show(told)


class LiveDisplay(AbstractContextManager[Listener]):
    """A table with a row for each variant, drawn anew eight times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, Rows] = {}
        self._states: dict[str, str] = {}
        self._working: str | None = None
        self._progress: Progress | None = None
        self._since: float | None = None  # of variants that are trained elsewhere
        self._live = Live(
            console=console,
            refresh_per_second=8,
            transient=True,
            get_renderable=self._moving,
            redirect_stdout=False,
        )

    def __enter__(self) -> Listener:
        return self._hear

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _hear(self, told: Told) -> None:
        self._live.start()
        self._progress = told if isinstance(told, Progress) else None
        if line := _notice(told):
            self._console.print(Text(line, "red" if isinstance(told, Ended) else "yellow"))
        match told:
            case Begun():
                self._console.print(Text(told.corpus, "bold"))
                self._rows = {outcome.variant: Rows() for outcome in told.outcomes}
                self._states = {outcome.variant: outcome.state for outcome in told.outcomes}
                self._since = time.monotonic() if told.elsewhere else None
            case Training() if self._since is not None:
                pass
            case Training():
                self._working = told.variant
                if isinstance(told.event, Progress):
                    self._progress = told.event
                self._rows[told.variant].hear(told.event)
            case Ended():
                self._working = None
                self._states[told.outcome.variant] = told.outcome.state
                if self._since is not None and told.outcome.stopped is None:
                    self._console.print(Text(f"{told.outcome.variant}: {ended(told.outcome)}"))

    def _moving(self) -> Group:
        if self._progress is not None and not self._rows:
            return Group(_line(progress(self._progress)))
        if self._since is not None:
            return self._waiting(time.monotonic() - self._since)
        width = max(map(len, self._rows), default=0)
        working = self._rows.get(self._working or "")
        heading, units = (working or Rows()).header()
        lines = [_line(" " * width + heading, "bold"), _line(" " * width + units, "dim")]
        for name, rows in self._rows.items():
            state = self._states[name]
            style = "bold" if name == self._working else _STYLES.get(state, "dim")
            numbers = "" if state == "diverged" else rows.row()
            lines.append(_line(f"{name:<{width}}{numbers or f'  {state}'}", style))
        if self._progress is not None:
            return Group(*lines, _line(progress(self._progress)))
        if working is None:
            return Group(*lines)
        if working.step is None:
            return Group(*lines, _line(PREPARING, "dim"))
        step = working.step
        return Group(*lines, ProgressBar(total=step.steps, completed=step.step, width=width + WIDTH))

    def _waiting(self, seconds: float) -> Group:
        """What is shown while variants are trained elsewhere, whose numbers come with their ends."""
        done, total = sum(state != "to come" for state in self._states.values()), len(self._states)
        line = f"{done} of {total} trained, {clock(seconds)} so far"
        return Group(_line(line), ProgressBar(total=total, completed=done, width=WIDTH))


def ended(outcome: Outcome) -> str:
    """How a variant has ended, in a line.

    Examples
    --------
    >>> ended(
    ...     Outcome(variant="gru", state="finished", parameters=9, steps=2000, seconds=83.6, train_loss=1.5)
    ... )
    'finished after 2,000 updates in 1:24, 4.482 training perplexity'
    """
    if outcome.stopped is not None:
        return outcome.stopped
    unit = unit_of([outcome])
    after = f"after {outcome.steps:,} updates in {clock(outcome.seconds or 0.0)}"
    return f"{outcome.state} {after}, {unit.score(outcome)} {unit.heading}"


def _notice(told: Told) -> str | None:
    """What should be known of an event, in a line; None for most."""
    match told:
        case Noticed():
            return told.line
        case Training(event=Noticed() as event):
            return f"{told.variant}: {event.line}"
        case Training(event=IncidentMet() as event) if (
            event.action != "stop"
        ):  # which the variant's outcome tells
            return f"{told.variant}: {incident(event)}"
        case Ended() if told.outcome.stopped is not None:
            return f"{told.outcome.variant}: {told.outcome.stopped}"
    return None


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")
