"""How long a study will still take, by the trials that have ended."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from throughtime.study.plan import Planned
from throughtime.study.trial import Result, Trial


class TimeLeft:
    """An estimate that grows better with each trial that ends.

    A trial is taken to last as long as the mean of those most like it: of the same way, on the same task of the same length or
    the same text; else of any way. Where there is none yet, nobody knows whether it will need as many updates as those that
    have ended, or all that it may make: it is taken to need their geometric mean, each as long in proportion to its length.

    Parameters
    ----------
    planned : sequence of Planned
        All trials.
    results : mapping of Trial to Result
        Those that have ended.
    width : int
        How many run at a time: each begins in its turn, as another ends.
    clock : callable
        The time in seconds.
    """

    def __init__(
        self,
        planned: Sequence[Planned],
        results: Mapping[Trial, Result],
        width: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._left = {each.trial: each for each in planned if each.trial not in results}
        self._begun: dict[Trial, float] = {}
        self._seen: dict[tuple[object, ...], _Mean] = {}
        self._pace: dict[bool, _Mean] = {}
        self._steps = _Mean()
        self._width, self._clock = width, clock
        for each in planned:
            if each.trial in results:
                self._take(each, results[each.trial])
        self._begin()

    def add(self, planned: Planned, result: Result) -> None:
        """Take account of a trial that has ended."""
        self._take(planned, result)
        del self._left[planned.trial]
        self._begun.pop(planned.trial, None)
        self._begin()

    def seconds(self) -> float | None:
        """The time from now; None before the first trial has ended."""
        if not self._left:
            return 0.0
        if not self._seen:
            return None
        now = self._clock()
        lasting = [
            max(self._lasting(each) - now + self._begun.get(trial, now), 0.0)
            for trial, each in self._left.items()
        ]
        # The longest of them cannot be shared out.
        return max(sum(lasting) / self._width, *lasting)

    def _take(self, planned: Planned, result: Result) -> None:
        for like in _alike(planned):
            self._seen.setdefault(like, _Mean()).add(result.seconds, 1)
        work = result.steps * _size(planned)
        self._pace.setdefault(planned.trial.span is None, _Mean()).add(result.seconds, work)
        self._steps.add(result.steps, 1)

    def _begin(self) -> None:
        waiting = (trial for trial in self._left if trial not in self._begun)
        for trial in [*islice(waiting, self._width - len(self._begun))]:
            self._begun[trial] = self._clock()

    def _lasting(self, planned: Planned) -> float:
        for like in _alike(planned):
            if like in self._seen:
                return self._seen[like].value
        pace = self._pace.get(planned.trial.span is None) or next(iter(self._pace.values()))
        steps = math.sqrt(self._steps.value * planned.trial.max_steps)
        return pace.value * steps * _size(planned)


@dataclass
class _Mean:
    """So much of something for each unit of something else."""

    total: float = 0.0
    units: float = 0.0

    def add(self, amount: float, units: float) -> None:
        self.total += amount
        self.units += units

    @property
    def value(self) -> float:
        return self.total / max(self.units, 1)


def _alike(planned: Planned) -> list[tuple[object, ...]]:
    """What a trial has in common with others, from the closest on."""
    trial = planned.trial
    kind = (trial.subject, trial.span, trial.max_steps)
    return [(planned.way, *kind), kind]


def _size(planned: Planned) -> float:
    """What an update's time is in proportion to: the mean length of a task's sequences."""
    span = planned.trial.span
    return 1.0 if span is None else float(span) if isinstance(span, int) else sum(span) / 2
