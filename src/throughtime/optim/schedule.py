"""Schedules: what the learning rate is multiplied by at each update."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from throughtime.errors import ArgumentError
from throughtime.optim.settings import fraction, require_keys, whole


class Schedule(ABC):
    """Factors of the base learning rate, one for each update; ``str`` gives the command line's spelling."""

    name: ClassVar[str]

    @abstractmethod
    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """What the base learning rate is multiplied by.

        Parameters
        ----------
        step : int
            Updates made before this one: 0 for the first.
        steps : int
            Updates planned in all.
        steps_per_epoch : int
            Updates of one pass over the training data.
        """

    def evaluated(self, loss: float) -> None:
        """Take notice of a validation loss."""

    @property
    def state(self) -> dict[str, Any]:
        """What must be kept to resume, fit for JSON: numbers, and None."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from another's `state`.

        Raises
        ------
        ArgumentError
            It is not the state of such a schedule.
        """
        require_keys(f"schedule {self}", state, self.state)

    def __str__(self) -> str:
        return self.name


class Constant(Schedule):
    """The learning rate stays as it is.

    Examples
    --------
    >>> Constant().factor(step=7, steps=10, steps_per_epoch=5)
    1.0
    """

    name = "constant"

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """See `Schedule.factor`."""
        return 1.0


class HalveOnRise(Schedule):
    """The series' rule: halve the learning rate whenever the loss is higher than at the evaluation before.

    Attributes
    ----------
    previous : float or None
        The last finite loss, None before the first.
    halvings : int
        How often the loss rose.

    Notes
    -----
    A loss that is not finite counts as a rise and is not remembered, or nothing would ever seem to rise after a NaN.

    References
    ----------
    D. Britz, "Recurrent Neural Networks Tutorial, part 2", 2015.

    Examples
    --------
    >>> schedule, factors = HalveOnRise(), []
    >>> for loss in (2.0, 1.5, 1.6, 1.6):
    ...     schedule.evaluated(loss)
    ...     factors.append(schedule.factor(0, 10, 5))
    >>> factors
    [1.0, 1.0, 0.5, 0.5]
    """

    name = "halve"

    def __init__(self) -> None:
        self.previous: float | None = None
        self.halvings = 0

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """0.5 to the power of `halvings`."""
        return math.ldexp(1.0, -self.halvings)

    def evaluated(self, loss: float) -> None:
        """Halve if `loss` is above the previous one."""
        finite = math.isfinite(loss)
        self.halvings += not finite or (self.previous is not None and loss > self.previous)
        if finite:
            self.previous = float(loss)

    @property
    def state(self) -> dict[str, Any]:
        """See `Schedule.state`."""
        return {"previous": self.previous, "halvings": self.halvings}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Schedule.load`."""
        super().load(state)
        self.previous, self.halvings = state["previous"], state["halvings"]


class Exponential(Schedule):
    """The learning rate is multiplied by `rate` after every epoch, and is constant within one.

    Parameters
    ----------
    rate : float
        Above 0 and below 1.

    References
    ----------
    PyTorch's ExponentialLR, stepped once an epoch.

    Examples
    --------
    >>> schedule = Exponential(0.5)
    >>> [schedule.factor(step, steps=6, steps_per_epoch=2) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    name = "exponential"

    def __init__(self, rate: float) -> None:
        self.rate = fraction("rate", rate, 0.95)
        if self.rate == 0:
            raise ArgumentError("rate is 0; expected a number above 0 and below 1. Pass one such as 0.95.")

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """`rate` to the power of the epochs completed."""
        return float(self.rate ** (step // steps_per_epoch))

    def __str__(self) -> str:
        return f"{self.name}:{self.rate!r}"


class Cosine(Schedule):
    """Half a cosine, from the whole learning rate at the first update down to a share of it after the last.

    Parameters
    ----------
    end : float
        That share, from 0 to below 1. At 0 the last update still has a rate above 0; only those beyond the planned
        ones, where the cosine stays at its end, have none.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, equation 5, with no
    restart.

    Examples
    --------
    >>> schedule = Cosine(0.1)
    >>> [round(schedule.factor(step, steps=4, steps_per_epoch=4), 3) for step in range(6)]
    [1.0, 0.868, 0.55, 0.232, 0.1, 0.1]
    """

    name = "cosine"

    def __init__(self, end: float = 0.0) -> None:
        self.end = fraction("end", end, 0.1)

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """end + (1 - end) (1 + cos(pi step / steps)) / 2."""
        done = min(step / steps, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * done)) / 2

    def __str__(self) -> str:
        return f"{self.name}:{self.end!r}" if self.end else self.name


class WarmUp(Schedule):
    """The learning rate grows in proportion to the update's number, until it is whole.

    Parameters
    ----------
    updates : int
        The update, counted from 1, at which it is whole.

    References
    ----------
    P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2, gradual warm-up.

    Examples
    --------
    >>> schedule = WarmUp(4)
    >>> [schedule.factor(step, steps=9, steps_per_epoch=9) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    name = "warmup"

    def __init__(self, updates: int) -> None:
        self.updates = whole("updates", updates, 1, 500)

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """min(1, (step + 1) / updates)."""
        return min(1.0, (step + 1) / self.updates)

    def __str__(self) -> str:
        return f"{self.name}:{self.updates}"


class Product(Schedule):
    """Several schedules at once; their factors multiply.

    Parameters
    ----------
    *parts : Schedule
        Two or more, each of its own kind, and none of them `Constant`.

    Raises
    ------
    ArgumentError
        They are not.

    Examples
    --------
    >>> schedule = Product(WarmUp(2), Cosine())
    >>> [round(schedule.factor(step, steps=4, steps_per_epoch=4), 3) for step in range(4)]
    [0.5, 0.854, 0.5, 0.146]
    >>> str(schedule)
    'warmup:2,cosine'
    """

    name = "product"

    def __init__(self, *parts: Schedule) -> None:
        names = [part.name for part in parts]
        if len(parts) < 2:
            raise ArgumentError(
                f"{len(parts)} schedules found in a product; expected at least 2. Use a single one as it is."
            )
        for name in names:
            if names.count(name) > 1:
                raise ArgumentError(
                    f"schedule {','.join(map(str, parts))!r} has {name!r} more than once; expected each kind once. "
                    "Leave one out."
                )
        if Constant.name in names:
            raise ArgumentError(
                f"schedule {','.join(map(str, parts))!r} has 'constant' beside others; expected it alone, as the others "
                "change the rate. Leave it out."
            )
        self.parts = parts

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        """The product of the parts' factors."""
        return math.prod(part.factor(step, steps, steps_per_epoch) for part in self.parts)

    def evaluated(self, loss: float) -> None:
        """See `Schedule.evaluated`."""
        for part in self.parts:
            part.evaluated(loss)

    @property
    def state(self) -> dict[str, Any]:
        """The parts' states in one, as "<part>.<key>"."""
        return {f"{part.name}.{key}": value for part in self.parts for key, value in part.state.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Schedule.load`."""
        super().load(state)
        for part in self.parts:
            part.load({key: state[f"{part.name}.{key}"] for key in part.state})

    def __str__(self) -> str:
        return ",".join(map(str, self.parts))
