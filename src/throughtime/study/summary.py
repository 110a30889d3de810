"""What trials that differ in the seed alone have found together."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypeAlias

from throughtime.data.tasks import Lengths
from throughtime.study.corpus_trial import CorpusTrial
from throughtime.study.run import Found
from throughtime.study.trial import Result


@dataclass(frozen=True)
class Group:
    """Trials of one way of training, on one subject, of one length; they differ in their seeds alone.

    Attributes
    ----------
    way, subject : str
    span, tested : int, (int, int) or None
        The length of the sequences that a task is trained on, and of those it is tested on; None of a text.
    tokens : str
        What a text's losses are counted in; empty of a task.
    results : tuple of Result
        Seed by seed.
    """

    way: str
    subject: str
    span: int | Lengths | None
    tested: int | Lengths | None
    tokens: str
    results: tuple[Result, ...]

    @property
    def successes(self) -> int:
        """Trials in which the task was learned."""
        return sum(each.success for each in self.results)

    @property
    def capped(self) -> int:
        """Trials that met a cap on updates or time before they could succeed: they have not failed."""
        return sum(each.capped for each in self.results)

    @property
    def diverged(self) -> int:
        """Trials in which something was not finite."""
        return sum(each.ended == "diverged" for each in self.results)

    @property
    def steps_to_success(self) -> float | None:
        """Median of updates, over the trials that succeeded."""
        return _median([each.steps for each in self.results if each.success])

    @property
    def seconds(self) -> float:
        """Mean of a trial."""
        return fmean(each.seconds for each in self.results)

    @property
    def horizon_before(self) -> "Horizons":
        """Over the seeds."""
        return Horizons.of([(each.horizon_before, each.horizon_before_censored) for each in self.results])

    @property
    def horizon_after(self) -> "Horizons":
        """Over the seeds."""
        return Horizons.of([(each.horizon_after, each.horizon_after_censored) for each in self.results])

    @property
    def lags(self) -> int:
        """The most that there were to measure a task's horizons on."""
        return max(each.lags or 0 for each in self.results)

    @property
    def val_loss(self) -> float | None:
        """Mean over the trials that finished, in nats per token; None of a task, or where nothing was held out."""
        return _mean([each.val_loss for each in self.results])

    @property
    def val_bits_per_char(self) -> float | None:
        """The same in bits per character; None where not every character is scored."""
        return _mean([each.val_bits_per_char for each in self.results])


@dataclass(frozen=True)
class Horizons:
    """The horizons of several trials.

    Attributes
    ----------
    median : float or None
        Of those that are known.
    censored : bool
        Whether the median, at least, rests on horizons that are only known to be at least so long.
    """

    median: float | None
    censored: bool

    @classmethod
    def of(cls, found: Sequence[tuple[int | None, bool]]) -> "Horizons":
        """Of horizons, and whether each is censored."""
        known = sorted((lag, censored) for lag, censored in found if lag is not None)
        if not known:
            return cls(None, False)
        # A longer one in place of a censored one could raise the median only from the lower half up.
        lower = known[: len(known) // 2 + 1]
        return cls(median(lag for lag, _ in known), any(censored for _, censored in lower))


def groups_of(found: Sequence[Found]) -> list[Group]:
    """The groups, in the order in which they first occur."""
    results: dict[_Key, list[Result]] = {}
    for planned, result in found:
        trial = planned.trial
        tokens = f"{trial.unit} {trial.vocab_size}" if isinstance(trial, CorpusTrial) else ""
        results.setdefault((planned.way, trial.subject, trial.span, trial.tested, tokens), []).append(result)
    return [Group(*key, tuple(each)) for key, each in results.items()]


# Way, subject, span, tested and tokens of a group.
_Key: TypeAlias = tuple[str, str, int | Lengths | None, int | Lengths | None, str]


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
