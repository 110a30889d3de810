"""How fast training goes, and how long it will take."""

import math

# Seconds over which the pace is averaged: long enough to read, short enough to notice a change.
_MEMORY = 5.0


class Pace:
    """Tokens a second over the last few seconds, and the time left.

    The first step is left out: it compiles, or loads, the kernels. Until the second nothing is known, which is NaN.

    Parameters
    ----------
    steps : int
        Updates planned.
    evaluations : int
        Evaluations planned.
    """

    def __init__(self, steps: int, evaluations: int) -> None:
        self._steps, self._evaluations = steps, evaluations
        self._made = 0
        self._step_seconds = self._tokens_per_second = math.nan  # exponential averages
        self._evaluation_seconds: list[float] = []
        self._tokens, self._seconds = 0, 0.0

    @property
    def tokens_per_second(self) -> float:
        """Recently."""
        return self._tokens_per_second

    @property
    def overall(self) -> float:
        """Tokens a second of all steps, the first one apart unless it is the only one."""
        return self._tokens / self._seconds if self._seconds else math.nan

    @property
    def seconds_left(self) -> float:
        """For the steps and evaluations to come, at the recent pace."""
        mean = sum(self._evaluation_seconds) / max(1, len(self._evaluation_seconds))
        to_come = max(0, self._evaluations - len(self._evaluation_seconds))
        return (self._steps - self._made) * self._step_seconds + to_come * mean

    def step(self, tokens: int, seconds: float) -> None:
        """Take account of a step."""
        seconds = max(seconds, 1e-9)
        self._made += 1
        if self._made <= 2:
            self._tokens, self._seconds = 0, 0.0  # the first step's go again
        if self._made == 2:
            self._step_seconds, self._tokens_per_second = seconds, tokens / seconds
        weight = -math.expm1(-seconds / _MEMORY)
        self._step_seconds += weight * (seconds - self._step_seconds)
        self._tokens_per_second += weight * (tokens / seconds - self._tokens_per_second)
        self._tokens += tokens
        self._seconds += seconds

    def evaluation(self, seconds: float) -> None:
        """Take account of an evaluation."""
        self._evaluation_seconds.append(seconds)
