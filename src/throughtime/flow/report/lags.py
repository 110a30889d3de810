"""Charts of the lags: how strongly a loss still reaches the state so many steps back."""

from collections.abc import Sequence

from throughtime.flow.drawing import Axis, Levels, Mark, Series, heat, lines
from throughtime.flow.drawing.numbers import is_number, power_of_ten, short
from throughtime.flow.report.content import Record, Report, relative, top_curve
from throughtime.flow.report.page import chart, details, table

LAG = Axis("lag: steps from the loss back to the state")
# What is left of a gradient below this share moves no weight in float32.
_LOWEST = 1e-12
STRENGTH = Axis("gradient, relative to lag 0", log=True, lowest=_LOWEST)

_STATES = {"h": "the state h", "c": "the memory cell c"}
_LEVELS = Levels(
    (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.000001, 10, 1000),
    (*map(power_of_ten, range(-6, -2)), "0.01", "0.1", "0.5", "1", "10", "1000"),
    warm=7,
)
_FALL = (
    "Each curve shows how strongly the loss at one step still reaches {} so many steps earlier, compared with lag 0. A "
    "straight fall means that every step back weakens the signal by the same factor; a level line, that the network passes "
    "it on undiminished."
)
_BAND = (
    "The line is the mean over the places in the text that were looked at; the shaded band holds the middle 80% of them. "
    f"What lies below {power_of_ten(-12)} is not drawn."
)
_REACH = (
    "The horizon is the lag within which 99% of the gradient lies; the half-life, the number of steps back in which it "
    "halves. Where they rise, the network learns to connect what is further apart."
)
# Values that everybody wants; beyond them 10, 20, 50, 100 and so on.
_PICKED = (0, 1, 2, 3, 5, 7)


def lag_chart(record: Record, state: str, reach: int | None) -> str:
    """The curves of one part of the state, with what they show and the numbers."""
    series = _curves(record, state)
    said = [_fall(state), _BAND]
    if not any(is_number(value) for one in series for value in one.y):
        said = ["There is no gradient at lag 0 to compare with, so no curve can be drawn."]
    svg = lag_svg(record, state, reach)
    return chart(lag_title(state), svg, *said, more=_numbers(record["lags"], series))


def lag_svg(record: Record, state: str, reach: int | None) -> str:
    """The curves of one part of the state, a layer each, the deepest first."""
    marks = []
    if state == "h" and is_number(record.get("horizon")):
        marks.append(Mark(record["horizon"], f"horizon {horizon(record)}"))
    if reach is not None and reach <= max(record["lags"], default=0):
        marks.append(Mark(reach, f"training reaches {reach}"))
    return lines(
        _curves(record, state), LAG, STRENGTH, title=lag_title(state), description=_fall(state), marks=marks
    )


def _curves(record: Record, state: str) -> list[Series]:
    norms, percentiles = record["norms"][state], record.get("percentiles", {}).get(state)
    series = []
    for layer in reversed(range(len(norms))):
        low, high = (
            (None, None)
            if percentiles is None
            else (relative(percentiles[k][layer], norms[layer]) for k in (0, -1))
        )
        y = relative(norms[layer], norms[layer])
        series.append(Series(layer_name(layer, len(norms)), record["lags"], y, low, high, colour=layer))
    return series


def lag_title(state: str) -> str:
    """What a chart of one part of the state shows."""
    return f"How far back the gradient reaches: {_STATES.get(state, state)}"


def _fall(state: str) -> str:
    return _FALL.format(_STATES.get(state, state))


def heat_chart(probes: Sequence[Record]) -> str:
    """The top layer's curve over training."""
    columns, at = [], []
    for probe in probes:
        row = probe["norms"]["h"][-1]
        columns.append(relative(row, row))
        at.append(probe["step"])
    if len(columns) < 2:
        return ""
    said = (
        "Each column is one measurement during training, each row a lag: the darker (on a dark page, the brighter), the "
        "more of the top layer's gradient is left so many steps back. Orange marks lags at which it is larger than "
        "where it started. A band of colour that rises from left to right says that the network has learned to look "
        "further back."
    )
    axes = Axis("training step"), Axis("lag")
    title = "The reach of the gradient while training"
    return chart(title, heat(columns, at, _LEVELS, *axes, title=title, description=said), said)


def reach_chart(report: Report) -> str:
    """Horizon, half-life and truncation over training."""
    probes = report.probes
    if len(probes) < 2:
        return ""
    steps = [probe["step"] for probe in probes]
    longest = max(max(probe["lags"], default=0) for probe in probes)
    chosen = [(probe.get("truncation") or {}).get("K") for probe in probes]
    series = [
        Series("horizon", steps, [probe.get("horizon") for probe in probes], colour=0),
        Series("half-life", steps, [half_life(probe) for probe in probes], colour=1),
    ]
    said = [_REACH]
    if any(probe.get("censored") for probe in probes):
        at_least = [probe.get("horizon") if probe.get("censored") else None for probe in probes]
        series.append(Series("horizon is at least this", steps, at_least, kind="points", colour=0))
        said.append(
            f"A triangle: the gradient reached beyond the measured {longest} lags, so the horizon is longer still."
        )
    if any(is_number(K) for K in chosen):
        series.append(Series("training reaches back (K)", steps, chosen, kind="steps", colour=2, dashed=True))
        said.append("The dashed line is the truncation that training chose for itself.")
    if any(half_life(probe) is None for probe in probes):
        said.append(
            "Where the half-life has a gap, the gradient does not fall with the lag, or nothing could be fitted."
        )
    highest = 1.1 * max([longest, *(K for K in chosen if is_number(K))])
    title = "Horizon and half-life while training"
    svg = lines(
        series,
        Axis("training step"),
        Axis("lags (steps of the text)", from_zero=True, highest=highest),
        title=title,
        description=said[0],
    )
    return chart(title, svg, *said)


def half_life(record: Record) -> float | None:
    """In lags; None where the curve does not fall, or too little was measured."""
    value = record.get("half_life")
    return value if record.get("falls", True) and is_number(value) else None


def half_life_in_words(record: Record) -> str:
    """The half-life, or why there is none."""
    value = half_life(record)
    if value is not None:
        return f"{short(value)} lags"
    curve = top_curve(record)
    return "cannot be told" if curve is None or curve.half_life != float("inf") else "does not fall"


def horizon(record: Record) -> str:
    """The horizon in words."""
    return f"at least {record['horizon']}" if record.get("censored") else str(record["horizon"])


def layer_name(layer: int, layers: int) -> str:
    """What a layer is called; counted from 0, as in the names of its weights."""
    if layers == 1:
        return "the layer"
    place = " (bottom)" if layer == 0 else " (top)" if layer == layers - 1 else ""
    return f"layer {layer}{place}"


def _numbers(lags: Sequence[int], series: Sequence[Series]) -> str:
    """Some of the values, for who wants them exactly."""
    last = lags[-1] if len(lags) else 0
    picked = {lag for lag in _PICKED if lag <= last} | {last}
    picked |= {
        factor * 10**power for power in range(1, 7) for factor in (1, 2, 5) if factor * 10**power <= last
    }
    places = {lag: place for place, lag in enumerate(lags)}
    rows = [
        (str(lag), *(short(y) if is_number(y := one.y[places[lag]]) else "–" for one in series))
        for lag in sorted(picked)
        if lag in places
    ]
    return details("The numbers", table(["lag", *(one.label for one in series)], rows)) if rows else ""
