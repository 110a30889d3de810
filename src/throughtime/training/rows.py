"""What a display says of the training, as text: the rows of a table, and a line now and then."""

import math

from rich.filesize import decimal

from throughtime.data.progress import Progress
from throughtime.training.events import Evaluated, Event, Finished, IncidentMet, Started, Step

COLUMNS = ("step", 15), ("loss", 9), ("validation", 12), ("gradient", 11), ("tokens", 11), ("time", 11)
WIDTH = sum(width for _, width in COLUMNS)
PREPARING = "preparing; after an installation the kernels compile once, some 20 seconds"

_WHAT_FOLLOWS = {
    "stop": "training ends",
    "skip": "the update is left out",
    "rollback": "back to the last good checkpoint, with half the learning rate",
    "recorded": "clipping has bounded the update",
}


class Rows:
    """The table's text, from the events so far."""

    def __init__(self) -> None:
        self.step: Step | None = None
        self._started: Started | None = None
        self._evaluated: Evaluated | None = None
        self._loss = 0.0  # averaged over some twenty batches, each of which differs
        self._heard = 0

    def hear(self, event: Event) -> None:
        """Take account of an event."""
        match event:
            case Started():
                self._started = event
            case Step():
                self._heard += 1
                self._loss += max(0.05, 1 / self._heard) * (event.loss - self._loss)
                self.step = event
            case Evaluated():
                self._evaluated = event

    def header(self) -> tuple[str, str]:
        """Two lines: what the columns are, and their units."""
        started = self._started
        bits = started is None or started.bits
        steps = "" if started is None else f"of {started.steps:,}"
        units = (steps, "nats", "bits/char" if bits else "perplexity", "norm", "a second", "left")
        return _line([name for name, _ in COLUMNS]), _line(units)

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
                pace(step.tokens_per_second),
                clock(step.seconds_left),
            ]
        )


def introduction(event: Started) -> list[str]:
    """Lines on what is trained, on what."""
    held_out = f"{event.val_tokens:,} to be tested on" if event.val_tokens else "none held out"
    lines = [
        event.corpus,
        f"{event.model}: {event.num_params:,} parameters",
        f"{event.train_tokens:,} predictions to learn from, {held_out}; {event.steps_per_epoch:,} steps an epoch",
    ]
    return [*lines, f"going on after step {event.resumed_step:,}"] if event.resumed_step else lines


def conclusion(event: Finished) -> list[str]:
    """Lines on how it ended, where there is something to say."""
    early = [f"ended early: {event.early}"] if event.early else []
    clipped = [f"clipped {event.clipped_share:.1%} of the updates"] if event.clipped_share else []
    return early + clipped


def incident(event: IncidentMet) -> str:
    """A line on what follows from an incident, and what it was."""
    return f"step {event.step:,}, {_WHAT_FOLLOWS[event.action]}: {event.line}"


def progress(event: Progress) -> str:
    """A line on how far long work on a text has come.

    Examples
    --------
    >>> progress(Progress("reading", 1_500_000, 20_000_000))
    'reading: 1.5 MB of 20.0 MB'
    """
    total = "" if event.total is None else f" of {decimal(event.total)}"
    return f"{event.what}: {decimal(event.done)}{total}"


def pace(tokens_per_second: float) -> str:
    """Tokens a second, or - where it is not known yet: NaN."""
    return "-" if math.isnan(tokens_per_second) else f"{tokens_per_second:,.0f}"


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss; - where they are not known: NaN.

    Examples
    --------
    >>> clock(83.6), clock(4000)
    ('1:24', '1:06:40')
    """
    if math.isnan(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _line(entries: "list[str] | tuple[str, ...]") -> str:
    return "".join(entry.rjust(width) for entry, (_, width) in zip(entries, COLUMNS, strict=True))
