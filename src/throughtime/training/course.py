"""Where a run stands, apart from its arrays."""

from dataclasses import asdict, dataclass, field
from typing import Any

from throughtime.data.batch import Batch


@dataclass
class Mean:
    """The mean of a loss over tokens."""

    total: float = 0.0
    tokens: int = 0

    def add(self, loss: float, tokens: int) -> None:
        """Take account of a loss per token."""
        self.total += loss * tokens
        self.tokens += tokens

    @property
    def value(self) -> float:
        """NaN before the first token."""
        return self.total / self.tokens if self.tokens else float("nan")


@dataclass
class Course:
    """All that changes from update to update and is no array, fit for JSON.

    Attributes
    ----------
    interval, probe_interval : int
        Updates from one evaluation to the next, and from one probe to the next; 0 for no probes.
    step, tokens : int
        Updates made, and predictions learned from.
    epoch, batch : int
        Which batch comes next, in which epoch; both counted from 0.
    begin : int
        The step of the streams at which it begins; by sentence it says nothing.
    evaluated : int
        The step at which the last evaluation was made.
    probed : int or None
        The step at which the last probe was made.
    horizon, half_life : int or None, float or None
        What it found, the half-life None where it is not finite.
    censored : bool or None
        Whether its horizon is only a lower bound.
    worse : int
        How many planned evaluations in a row have not been the best.
    clipped, skipped, skipped_in_a_row, incidents, rollbacks : int
        How many updates were clipped, were left out, and went wrong in any way; how often training went back to a
        checkpoint.
    last : (int, float) or None
        The last update, and its loss in nats per token.
    seconds : float
        Spent so far, in all the times that the run was taken up.
    """

    interval: int
    probe_interval: int
    step: int = 0
    tokens: int = 0
    epoch: int = 0
    batch: int = 0
    begin: int = 0
    evaluated: int = 0
    probed: int | None = None
    horizon: int | None = None
    censored: bool | None = None
    half_life: float | None = None
    worse: int = 0
    clipped: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    incidents: int = 0
    rollbacks: int = 0
    last: tuple[int, float] | None = None
    seconds: float = 0.0
    epoch_loss: Mean = field(default_factory=Mean)
    interval_loss: Mean = field(default_factory=Mean)

    def count(self, batch: Batch, loss: float, clipped: bool) -> None:
        """Take account of an update that was made."""
        self.pass_by(batch)
        targets = batch.tokens
        self.tokens += targets
        self.clipped += clipped
        self.skipped_in_a_row = 0
        self.last = self.step, loss
        self.epoch_loss.add(loss, targets)
        self.interval_loss.add(loss, targets)

    def skip(self, batch: Batch) -> None:
        """Take account of an update that was left out."""
        self.pass_by(batch)
        self.skipped += 1
        self.skipped_in_a_row += 1

    def pass_by(self, batch: Batch) -> None:
        """Let the next batch be the one after this."""
        self.step += 1
        self.batch += 1
        self.begin += batch.advance

    def end_epoch(self) -> None:
        """Let the next batch be the first of another epoch."""
        self.epoch += 1
        self.batch = self.begin = 0

    def record(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def read(cls, record: dict[str, Any]) -> "Course":
        """What `record` gave."""
        means = {name: Mean(**record[name]) for name in ("epoch_loss", "interval_loss")}
        last = None if record["last"] is None else tuple(record["last"])
        return cls(**{**record, **means, "last": last})
