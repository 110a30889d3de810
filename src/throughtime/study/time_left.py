"""How long a study will still take, by the trials that have ended."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from throughtime.study.plan import Planned
from throughtime.study.trial import Result, Trial


class TimeLeft:
    """An estimate that grows better with each trial that ends.

    A trial is taken to last as long as the mean of those most like it: of the same way, on the same task of the same length or
    the same text; else of any way; else, in proportion to their lengths, of all.

    Parameters
    ----------
    planned : sequence of Planned
        All trials.
    results : mapping of Trial to Result
        Those that have ended.
    width : int
        How many run at a time.
    """

    def __init__(self, planned: Sequence[Planned], results: Mapping[Trial, Result], width: int) -> None:
        self._left = {each.trial: each for each in planned}
        self._seen: dict[tuple[object, ...], list[float]] = {}
        self._width = width
        for each in planned:
            if each.trial in results:
                self.add(each, results[each.trial])

    def add(self, planned: Planned, result: Result) -> None:
        """Take account of a trial that has ended."""
        del self._left[planned.trial]
        for like in _alike(planned):
            self._seen.setdefault(like, []).append(result.seconds / _steps(planned))

    def seconds(self) -> float | None:
        """The time from now, if all those under way had just begun; None before the first trial has ended."""
        if not self._left:
            return 0.0
        if not self._seen:
            return None
        lasting = [self._lasting(each) for each in self._left.values()]
        # The longest of them cannot be shared out.
        return max(sum(lasting) / self._width, *lasting)

    def _lasting(self, planned: Planned) -> float:
        each = next(self._seen[like] for like in _alike(planned) if like in self._seen)
        return fmean(each) * _steps(planned)


def _alike(planned: Planned) -> list[tuple[object, ...]]:
    """What a trial has in common with others, from the closest on."""
    trial = planned.trial
    kind = (trial.subject, trial.span, trial.max_steps)
    return [(planned.way, *kind), kind, ()]


def _steps(planned: Planned) -> float:
    """The mean length of a sequence of a task."""
    span = planned.trial.span
    return 1.0 if span is None else float(span) if isinstance(span, int) else sum(span) / 2
