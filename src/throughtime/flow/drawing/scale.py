"""From values to places on an axis, and the ticks between."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from throughtime.flow.drawing.numbers import numbers, power_of_ten, short

# Sums and differences of what is drawn stay finite, and its powers of ten normal numbers.
_SMALLEST, _LARGEST = 1e-300, 1e300


@dataclass(frozen=True)
class Axis:
    """What an axis shows.

    Attributes
    ----------
    title : str
        With its unit.
    log : bool
        Whether equal factors take equal room; values of 0 and less then lie below the chart.
    lowest, highest : float or None
        The axis goes no further, whatever the values; what lies beyond leaves the chart.
    from_zero : bool
        Whether a linear axis begins at 0 though the values do not.
    reaching : float or None
        It goes at least so far, though the values do not.
    tight : bool
        Whether it ends with the values, or goes on to a round number.
    whole : bool
        Whether only whole numbers have ticks, where the axis is linear.
    """

    title: str
    log: bool = False
    lowest: float | None = None
    highest: float | None = None
    from_zero: bool = False
    reaching: float | None = None
    tight: bool = False
    whole: bool = False


class Scale:
    """An axis fitted to values.

    Attributes
    ----------
    ticks : list of (float, str)
        Their places, as `place` gives them, and labels.

    Examples
    --------
    >>> Scale(Axis("loss"), [1.2, 4.9], ticks=4).ticks
    [(0.0, '1'), (0.25, '2'), (0.5, '3'), (0.75, '4'), (1.0, '5')]
    >>> Scale(Axis("share", from_zero=True, reaching=1.0), [0.0], ticks=2).ticks[-1]
    (1.0, '1.0')
    >>> Scale(Axis("strength", log=True), [1e-8, 1.0]).ticks[0]
    (0.0, '10⁻⁸')
    """

    def __init__(self, axis: Axis, values: Iterable[float | None], ticks: int = 5) -> None:
        self._log = axis.log
        found = [min(max(value, -_LARGEST), _LARGEST) for value in numbers(values)]
        if axis.log:
            found = [max(value, _SMALLEST) for value in found if value > 0]
        elif axis.from_zero:
            found.append(0.0)
        if axis.reaching is not None:
            found.append(axis.reaching)
        low, high = (min(found), max(found)) if found else (0.1, 1.0)
        if axis.lowest is not None:
            low, high = max(low, axis.lowest), max(high, axis.lowest)
        if axis.highest is not None:
            low, high = min(low, axis.highest), min(high, axis.highest)
        around, marks = (
            _log_ticks(low, high, ticks) if axis.log else _linear_ticks(low, high, ticks, axis.whole)
        )
        start, stop = map(self._along, (low, high) if axis.tight else around)
        self._low, self._high = (start, stop) if start < stop else (start - 0.5, start + 0.5)
        places = [(self.place(value), label) for value, label in marks]
        self.ticks = [(place, label) for place, label in places if -1e-9 <= place <= 1 + 1e-9]

    def place(self, value: float) -> float:
        """Where a value lies from 0, the axis's beginning, to 1, its end; never further off than its own length."""
        if self._log and value <= 0:
            return -1.0
        place = (self._along(value) - self._low) / (self._high - self._low)
        return min(max(place, -1.0), 2.0)

    def _along(self, value: float) -> float:
        # A tick may lie beyond the largest value.
        return math.log10(value) if self._log else min(max(value, -10 * _LARGEST), 10 * _LARGEST)


# Round numbers at or below the lowest value and at or above the highest, and the ticks between: values and labels.
_Ticks: TypeAlias = tuple[tuple[float, float], list[tuple[float, str]]]


def _linear_ticks(low: float, high: float, count: int, whole: bool) -> _Ticks:
    """Multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)):
        span = abs(high)
    span = span if span >= _SMALLEST else 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * count >= span * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [number * step for number in range(first, max(last, first + 1) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    long = max(abs(values[0]), abs(values[-1])) >= 1e7 or decimals > 4
    labels = [short(value) if long else f"{value:,.{decimals}f}" for value in values]
    return (values[0], values[-1]), list(zip(values, labels, strict=True))


def _log_ticks(low: float, high: float, count: int) -> _Ticks:
    """Powers of ten, or where there are less than two of these also twice and five times such."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if math.log10(high / low) < 2:
        values = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
        below = [value for value in values if value <= low * (1 + 1e-9)]
        above = [value for value in values if value >= high * (1 - 1e-9)]
        values = [value for value in values if below[-1] <= value <= above[0]]
        return (values[0], values[-1]), [(value, short(value)) for value in values]
    steps = (1, 2, 3, 5, 10, 20, 50, 100, 200)
    step = next(step for step in steps if step * (count + 1) >= last - first)
    powers = range(step * math.ceil(first / step), last + 1, step)
    return (10.0**first, 10.0**last), [(10.0**power, power_of_ten(power)) for power in powers]
