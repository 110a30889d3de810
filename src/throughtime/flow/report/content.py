"""What a report is made from: records, as they lie in a run's files."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from throughtime.errors import InputError
from throughtime.flow.conditions import WeightConditions
from throughtime.flow.curve import Curve
from throughtime.flow.drawing import Axis
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.findings import Finding

Record: TypeAlias = Mapping[str, Any]

STEP = Axis("training step", from_zero=True, whole=True)


@dataclass(frozen=True, kw_only=True)
class Stability:
    """What is known of a network apart from its curves; whatever is missing is left out.

    Attributes
    ----------
    conditions : sequence of WeightConditions or None
        Layer by layer; None for a gated one.
    chain : mapping of int to float
        By number of steps the most that they leave of any gradient of the top layer, as a natural logarithm.
    exponents : sequence of float
        The first Lyapunov exponents of the top layer, the greatest first.
    dtype : str or None
        Of the numbers that it computes in.
    """

    conditions: Sequence[WeightConditions | None] = ()
    chain: Mapping[int, float] = field(default_factory=dict)
    exponents: Sequence[float] = ()
    dtype: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The content of a report; whatever is missing is left out of it, or its lack is told.

    Attributes
    ----------
    title : str
    facts : mapping of str to str
        What was measured or trained, in the words of the page.
    findings : sequence of Finding, or None
        What stands out; None if nobody has looked.
    flow : mapping or None
        The last measurement, as `GradientFlow.record` has it; None takes the last probe.
    probes : sequence of mapping
        Records of flow.jsonl.
    metrics : sequence of mapping
        Records of metrics.jsonl.
    reach : int or None
        The last lag that any loss reaches in training; None where nothing limits it.
    shortest : int
        How many lags every loss reaches.
    left_out : float or None
        The share of the measured gradient that training leaves out; None where that is not known.
    stability : Stability
        Of the network that the last measurement is of.
    """

    title: str
    facts: Mapping[str, str]
    findings: Sequence[Finding] | None = None
    flow: Record | None = None
    probes: Sequence[Record] = ()
    metrics: Sequence[Record] = ()
    reach: int | None = None
    shortest: int = 0
    left_out: float | None = None
    stability: Stability = field(default_factory=Stability)

    @property
    def last(self) -> Record | None:
        """The measurement that the report leads with."""
        return self.flow if self.flow is not None else (self.probes[-1] if self.probes else None)


def top_curve(record: Record) -> Curve | None:
    """The top layer's curve of h; None where there is none."""
    try:
        return Curve([math.nan if value is None else value for value in record["norms"]["h"][-1]])
    except (InputError, KeyError, IndexError):
        return None


def evenly(count: int, most: int = 12) -> list[int]:
    """At most so many places of a sequence, evenly spaced, the first and the last among them.

    >>> evenly(3), evenly(100, most=4)
    ([0, 1, 2], [0, 33, 66, 99])
    """
    return sorted({round(k * (count - 1) / (most - 1)) for k in range(most)}) if count else []


def relative(values: Sequence[float | None], norms: Sequence[float | None]) -> list[float | None]:
    """Values over the norm at lag 0; None where either is no number, or that norm is 0.

    A ratio beyond all numbers is the largest of them, so that what grows most is not what is missing.

    >>> relative([4.0, None, 1.0], [2.0, 1.0, 0.5])
    [2.0, None, 0.5]
    """
    first = norms[0] if norms else None
    if not is_number(first) or first <= 0:
        return [None] * len(values)
    return [min(value / first, sys.float_info.max) if is_number(value) else None for value in values]
