"""Training as TensorBoard shows it."""

import json
import math
import os
from pathlib import Path
from typing import Any

from throughtime.extras import require
from throughtime.training.directory import CONFIG
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Probed,
    Started,
    Step,
    Stopped,
)

require("tensorboardX", "tensorboard")
import tensorboardX  # noqa: E402

# As many as TensorBoard keeps of a curve. A point is the mean of the updates since the one before.
_POINTS = 1000


class TensorBoard:
    """A callback of `throughtime.fit` that writes TensorBoard's event files.

    The curves are ``train/loss``, ``train/grad_norm``, ``train/lr``, ``train/clipped``, ``train/tokens_per_second``,
    ``validation/loss``, ``validation/perplexity``, ``validation/bits_per_char``, ``flow/horizon``, ``flow/half_life`` and,
    under Auto, ``flow/reach``, all three in lags; the texts ``run``, and ``incident``
    for each. Where a run is resumed, or goes back to a checkpoint, what came later is taken out of its curves.

    Parameters
    ----------
    log_dir : path
        Where the files go; TensorBoard's --logdir.

    Examples
    --------
    >>> import tempfile
    >>> place = tempfile.mkdtemp()
    >>> callback = TensorBoard(place)  # fit(..., callbacks=[callback])
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self._log_dir = Path(log_dir)
        self._writer: Any = None
        self._every = 1
        self._steps: list[Step] = []  # since the last point
        self._last = 0

    def __call__(self, event: Event) -> None:
        """Take account of an event."""
        match event:
            case Started():
                self._every = -(-event.steps // _POINTS)
                self._last = event.resumed_step
                self._open(event.resumed_step + 1 if event.resumed_step else None)
                self._writer.add_text("run", _description(event), event.resumed_step)
            case Step():
                self._step(event)
            case Evaluated():
                self._write_steps()
                self._write_evaluation(event)
            case Probed():
                self._write_probe(event)
            case IncidentMet():
                self._writer.add_text("incident", f"{event.line} (then: {event.action})", event.step)
            case Finished() | Stopped() if self._writer is not None:
                self._write_steps()
                self._writer.close()

    def _open(self, purge_step: int | None) -> None:
        """Begin a file; TensorBoard then leaves out what earlier ones say of this step and later ones."""
        if self._writer is not None:
            self._writer.close()
        # A file's name tells the second it was begun in, which need not be its own.
        number = len(list(self._log_dir.glob("events.*")))
        self._writer = tensorboardX.SummaryWriter(
            str(self._log_dir), purge_step=purge_step, filename_suffix=f".{number}"
        )

    def _step(self, event: Step) -> None:
        if event.step <= self._last:  # training has gone back to a checkpoint
            self._steps.clear()
            self._open(event.step)
        self._last = event.step
        self._steps.append(event)
        if len(self._steps) >= self._every:
            self._write_steps()

    def _write_steps(self) -> None:
        if not self._steps:
            return
        steps, last = self._steps, self._steps[-1]
        values = {
            "train/loss": sum(step.loss for step in steps) / len(steps),
            "train/grad_norm": sum(step.grad_norm for step in steps) / len(steps),
            "train/lr": last.lr,
            "train/clipped": sum(step.clipped for step in steps) / len(steps),
            "train/tokens_per_second": last.tokens_per_second,
        }
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, last.step)
        self._steps = []

    def _write_evaluation(self, event: Evaluated) -> None:
        self._writer.add_scalar("validation/loss", event.loss, event.step)
        self._writer.add_scalar("validation/perplexity", event.perplexity, event.step)
        if event.bits_per_char is not None:
            self._writer.add_scalar("validation/bits_per_char", event.bits_per_char, event.step)

    def _write_probe(self, event: Probed) -> None:
        self._writer.add_scalar("flow/horizon", event.horizon, event.step)
        if math.isfinite(event.half_life):
            self._writer.add_scalar("flow/half_life", event.half_life, event.step)
        if event.truncation is not None:
            self._writer.add_scalar("flow/reach", event.truncation["K"], event.step)


def _description(event: Started) -> str:
    """The run in Markdown: what it is, and its settings if it has a directory."""
    lines = [
        f"{event.model}: {event.num_params:,} parameters",
        f"{event.corpus}: {event.train_tokens:,} predictions",
    ]
    if event.run is not None:
        config = json.loads((event.run / CONFIG).read_text(encoding="utf-8"))
        lines.append(f"```json\n{json.dumps(config, indent=2, ensure_ascii=False)}\n```")
    return "\n\n".join(lines)
