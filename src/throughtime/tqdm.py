"""Training as a progress bar of tqdm's."""

import sys
from collections.abc import Callable
from typing import Any

from throughtime.extras import require
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Noticed,
    Probed,
    Started,
    Step,
    Stopped,
)
from throughtime.training.rows import Rows, incident

require("tqdm", "tqdm")
import tqdm.auto  # noqa: E402


class Progress:
    """A callback of `throughtime.fit` that shows training as one of tqdm's bars.

    The bar counts updates. Beside it stand the loss in nats, averaged over some twenty batches; the validation text's bits
    per character, or its perplexity where not every character is scored; the learning rate; and the gradient's horizon in
    lags. What a person should know is written above it. A resumed run begins at its step, and a rollback moves the bar
    back.

    It is closed where training ends, diverges or is interrupted. An error that ends training otherwise is no event: `close`
    it, or hand it on through `contextlib.closing`.

    Parameters
    ----------
    bar : callable
        A class of tqdm's, or one that takes the same arguments and has `n`, `update`, `set_postfix`, `refresh` and
        `close`. By default tqdm's choice between a terminal's and a notebook's.
    **arguments
        The class's own, such as `desc`, `disable`, `leave`, `file` or `position`; but `total` and `initial`, which the
        training tells.

    Examples
    --------
    >>> callback = Progress(desc="GRU", leave=False)  # fit(..., callbacks=[callback])
    """

    def __init__(self, bar: Callable[..., Any] = tqdm.auto.tqdm, **arguments: Any) -> None:
        self._make, self._arguments = bar, {"unit": "step"} | arguments
        self._bar: Any = None
        self._rows = Rows()

    def __call__(self, event: Event) -> None:
        """Take account of an event."""
        if isinstance(event, Started):
            self._begin(event)
        self._rows.hear(event)
        match event:
            case Step():
                self._tell()
                self._bar.update(event.step - self._bar.n)
            case Evaluated() | Probed():
                self._tell()
                self._bar.refresh()
            case Noticed():
                self._write(event.line)
            case IncidentMet() if event.action != "stop":  # which its error tells
                self._write(incident(event))
            case Finished() | Stopped():
                self.close()

    def close(self) -> None:
        """End the bar; a training that follows begins another."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _begin(self, event: Started) -> None:
        self.close()
        self._rows = Rows()
        self._bar = self._make(**self._arguments, total=event.steps, initial=event.resumed_step)

    def _tell(self) -> None:
        rows, step = self._rows, self._rows.step
        if step is None:
            return
        entries, units = rows.entries(), rows.units()
        shown = {
            "loss": entries["loss"],
            units["validation"]: entries["validation"],
            "lr": f"{step.lr:.3g}",
            "horizon": entries["horizon"],
        }
        self._bar.set_postfix({name: entry for name, entry in shown.items() if entry != "-"}, refresh=False)

    def _write(self, line: str) -> None:
        if not self._arguments.get("disable"):
            tqdm.tqdm.write(line, file=self._arguments.get("file") or sys.stderr)
