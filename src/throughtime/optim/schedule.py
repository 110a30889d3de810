"""Schedules: the learning rate after each evaluation."""

import math
from typing import Protocol

from throughtime.errors import ArgumentError


class Schedule(Protocol):
    """Anything that decides the learning rate from the losses seen."""

    def after_evaluation(self, lr: float, loss: float) -> float:
        """Return the learning rate to go on with, given the present one and the loss just evaluated."""


class Constant:
    """The learning rate stays as it is.

    Examples
    --------
    >>> Constant().after_evaluation(lr=0.1, loss=2.0)
    0.1
    """

    def after_evaluation(self, lr: float, loss: float) -> float:
        """Return `lr`."""
        return lr


class HalveOnRise:
    """The series' rule: halve the learning rate whenever the loss is higher than at the evaluation before.

    Attributes
    ----------
    previous : float or None
        The last finite loss, None before the first: what must be kept to resume.

    Notes
    -----
    A loss that is not finite counts as a rise and is not remembered, or nothing would ever seem to rise after a NaN.

    References
    ----------
    D. Britz, "Recurrent Neural Networks Tutorial, part 2", 2015.

    Examples
    --------
    >>> schedule = HalveOnRise()
    >>> [schedule.after_evaluation(0.1, loss) for loss in (2.0, 1.5, 1.6, 1.6)]
    [0.1, 0.1, 0.05, 0.1]
    """

    def __init__(self, previous: float | None = None) -> None:
        self.previous = previous

    def after_evaluation(self, lr: float, loss: float) -> float:
        """Return lr / 2 if `loss` is above the previous one, else `lr`."""
        rose = not math.isfinite(loss) or (self.previous is not None and loss > self.previous)
        if math.isfinite(loss):
            self.previous = loss
        return lr / 2 if rose else lr


_BY_SPEC: dict[str, type[Constant] | type[HalveOnRise]] = {"constant": Constant, "halve": HalveOnRise}


def schedule_from_spec(spec: str) -> Schedule:
    """Return the schedule of the command line's spelling: "constant" or "halve".

    Raises
    ------
    ArgumentError
        There is no schedule of this spelling.

    Examples
    --------
    >>> type(schedule_from_spec("halve")).__name__
    'HalveOnRise'
    """
    if spec not in _BY_SPEC:
        raise ArgumentError(
            f"schedule {spec!r} is unknown; expected one of {', '.join(_BY_SPEC)}. Choose one of these."
        )
    return _BY_SPEC[spec]()
