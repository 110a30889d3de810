"""What a display says of the training, as text: the rows of a table, and a line now and then."""

import math

from rich.filesize import decimal

from throughtime.data.progress import Progress
from throughtime.training.events import Evaluated, Event, Finished, IncidentMet, Probed, Started, Step

_COLUMNS = {
    "step": 13,
    "loss": 8,
    "validation": 12,
    "gradient": 11,
    "horizon": 9,
    "reach": 7,  # under Auto alone
    "tokens": 10,
    "time": 9,
}
WIDTH = sum(_COLUMNS.values()) - _COLUMNS["reach"]
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
        self.probed: Probed | None = None
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
            case Probed():
                self.probed = event

    def header(self) -> tuple[str, str]:
        """Two lines: what the columns are, and their units."""
        units = self.units()
        return self._line({name: name for name in units}), self._line(units)

    def row(self) -> str:
        """The present numbers."""
        return self._line(self.entries())

    def units(self) -> dict[str, str]:
        """What each column is measured in."""
        started = self._started
        bits = started is None or started.bits
        return {
            "step": "" if started is None else f"of {started.steps:,}",
            "loss": "nats",
            "validation": "bits/char" if bits else "perplexity",
            "gradient": "norm",
            "horizon": "lags",
            "reach": "lags",
            "tokens": "a second",
            "time": "left",
        }

    def entries(self) -> dict[str, str]:
        """The present number of each column, or - where there is none yet; nothing before the first update."""
        step, found, probed = self.step, self._evaluated, self.probed
        if step is None:
            return {}
        validation = "-"
        if found is not None:
            bits = found.bits_per_char
            validation = f"{found.perplexity:.4g}" if bits is None else f"{bits:.3f}"
        truncation = None if probed is None else probed.truncation
        return {
            "step": f"{step.step:,}",
            "loss": f"{self._loss:.3f}",
            "validation": validation,
            "gradient": f"{step.grad_norm:.3g}" + (" >" if step.clipped else ""),
            "horizon": "-" if probed is None else horizon(probed.horizon, probed.censored),
            "reach": "-" if truncation is None else f"{truncation['K']:,}",
            "tokens": pace(step.tokens_per_second),
            "time": clock(step.seconds_left),
        }

    def _line(self, entries: dict[str, str]) -> str:
        adaptive = self._started is not None and self._started.adaptive
        return "".join(
            entry.rjust(_COLUMNS[name]) for name, entry in entries.items() if adaptive or name != "reach"
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
    reach = []
    if event.horizon is not None:
        least = "at least " if event.censored else ""
        reach = [f"the gradient's horizon, which 99% of it lies within, is {least}{event.horizon:,} lags"]
    return early + clipped + reach


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


def horizon(lags: int, censored: bool) -> str:
    """A horizon, or its lower bound.

    Examples
    --------
    >>> horizon(37, False), horizon(100, True)
    ('37', '>=100')
    """
    return f">={lags:,}" if censored else f"{lags:,}"


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
