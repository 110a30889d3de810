"""Charts of how far back the gradient reaches, and training follows it, from probe to probe."""

from collections.abc import Sequence
from dataclasses import replace

from throughtime.flow.drawing import Axis, Series, lines
from throughtime.flow.drawing.numbers import is_number, told
from throughtime.flow.report.content import STEP, Record, evenly
from throughtime.flow.report.lags import half_life, horizon
from throughtime.flow.report.page import chart, details, table

_REACH = (
    "The horizon is the lag within which 99% of the top layer's gradient lies; the half-life, the number of steps back in "
    "which it halves."
)
_RISE = "Where they rise, the network learns to connect what is further apart."
_CHOSEN = (
    "How many steps back every loss was followed at least (K): the truncation that training chose for itself, anew at each "
    "measurement."
)
_TOLERANCE = (
    "It is the smallest K for which what is cut off biases the gradient by no more than was allowed: where the gradient "
    "reaches further, K grows, and an update costs more."
)
_LAGS = Axis("lags (steps of the text)", from_zero=True)


def reach_chart(probes: Sequence[Record]) -> str:
    """Horizon and half-life over training."""
    if len(probes) < 2:
        return ""
    steps = [probe["step"] for probe in probes]
    longest = max(max(probe["lags"], default=0) for probe in probes)
    series = [
        Series("horizon", steps, [probe.get("horizon") for probe in probes], colour=0),
        Series("half-life", steps, [half_life(probe) for probe in probes], colour=1),
    ]
    said = [_REACH, _RISE]
    if any(probe.get("censored") for probe in probes):
        at_least = [probe.get("horizon") if probe.get("censored") else None for probe in probes]
        series.append(Series("horizon is at least this", steps, at_least, kind="points", colour=0))
        said.append(
            f"A triangle: the gradient reached beyond the measured {longest} lags, so the horizon is longer still."
        )
    if any(half_life(probe) is None for probe in probes):
        said.append(
            "Where the half-life has a gap, the gradient does not fall with the lag, or nothing could be fitted."
        )
    rows = [
        (
            f"{probe['step']:,}",
            horizon(probe) if is_number(probe.get("horizon")) else "–",
            told(half_life(probe)),
        )
        for probe in (probes[k] for k in evenly(len(probes)))
    ]
    title = "Horizon and half-life while training"
    # A half-life can be far longer than all that was measured.
    svg = lines(series, STEP, replace(_LAGS, highest=1.1 * longest), title=title, description=_REACH)
    return chart(title, svg, *said, more=_numbers(["step", "horizon", "half-life"], rows))


def truncation_chart(probes: Sequence[Record]) -> str:
    """The truncation that `Auto` has chosen over training; nothing if it was given."""
    found = [(probe["step"], probe["truncation"]) for probe in probes if probe.get("truncation")]
    if not found:
        return ""
    steps = [step for step, _ in found]
    series = [Series("K", steps, [choice.get("K") for _, choice in found], kind="steps", colour=2)]
    said = [_CHOSEN, _TOLERANCE]
    beyond = [None if choice.get("finite", True) else choice.get("K") for _, choice in found]
    if any(map(is_number, beyond)):
        series.append(Series("no K was enough", steps, beyond, kind="points", colour=1))
        said.append("A triangle: no K that was allowed was enough, and the longest of them was taken.")
    rows = [
        (f"{step:,}", told(choice.get("K")), told(choice.get("relative_bias")))
        for step, choice in (found[k] for k in evenly(len(found)))
    ]
    title = "How far back training looks"
    svg = lines(series, STEP, replace(_LAGS, whole=True), title=title, description=_CHOSEN)
    return chart(title, svg, *said, more=_numbers(["step", "K", "bound of the relative bias"], rows))


def _numbers(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return details("Some of the numbers", table(headings, rows))
