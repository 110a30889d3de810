"""Charts of the lags: how strongly a loss still reaches the state so many steps back."""

from collections.abc import Sequence

from throughtime.flow.curve import Horizon
from throughtime.flow.drawing import Axis, Levels, Mark, Series, heat, lines
from throughtime.flow.drawing.numbers import is_number, power_of_ten, told
from throughtime.flow.report.content import STEP, Record, relative
from throughtime.flow.report.page import chart, details, table

LAG = Axis("lag: steps from the loss back to the state", whole=True)
# What is left of a gradient below this share moves no weight in float32.
_LOWEST = 1e-12
STRENGTH = Axis("gradient (lag 0 = 1)", log=True, lowest=_LOWEST)

_STATES = {"h": "the state h", "c": "the memory cell c"}
_LEVELS = Levels(
    (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.000001, 10, 1000),
    (power_of_ten(-6), "", power_of_ten(-4), "", "0.01", "0.1", "0.5", "1", "10", power_of_ten(3)),
    warm=7,
)
_HEAT = (
    "Each column is one measurement during training, each row a lag: the darker (on a dark page, the brighter), the more of "
    "the top layer's gradient is left so many steps back."
)
_HEAT_READ = (
    "Orange marks lags at which it is larger than where it started. A band of colour that rises from left to right says "
    "that the network has learned to look further back."
)
_FALL = "Each curve shows how strongly the loss at one step still reaches {} so many steps earlier, compared with lag 0."
_SHAPE = (
    "A straight fall means that every step back weakens the signal by the same factor; a level line, that the network passes "
    "it on undiminished; a rise, that it grows."
)
_BAND = (
    "The line is the mean over all losses that were looked at; the shaded band holds the middle 80% of them. "
    f"What lies below {power_of_ten(-12)} is not drawn."
)
# Values that everybody wants; beyond them 10, 20, 50, 100 and so on.
_PICKED = (0, 1, 2, 3, 5, 7)


def lag_chart(record: Record, state: str, reach: int | None) -> str:
    """The curves of one part of the state, with what they show and the numbers."""
    series = _curves(record, state)
    said = [_fall(state), _SHAPE, _BAND]
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
    if len(probes) < 2:
        return ""
    columns = [relative(row, row) for row in (probe["norms"]["h"][-1] for probe in probes)]
    shown = _visible(columns)
    said = [_HEAT, _HEAT_READ]
    if shown < max(map(len, columns)):
        said.append(f"From lag {shown} on, less than a millionth was left at every time.")
    title = "The reach of the gradient while training"
    svg = heat(
        [column[:shown] for column in columns],
        [probe["step"] for probe in probes],
        _LEVELS,
        STEP,
        Axis("lag", whole=True),
        title=title,
        description=_HEAT,
    )
    return chart(title, svg, *said)


def _visible(columns: Sequence[Sequence[float | None]]) -> int:
    """How many lags have anything to show, and some more; all where none has."""
    tallest = max(map(len, columns))
    dark = [
        lag
        for column in columns
        for lag, value in enumerate(column)
        if is_number(value) and value >= _LEVELS.edges[0]
    ]
    return min(tallest, max(10, int(1.2 * max(dark)) + 2)) if dark else tallest


def half_life(record: Record) -> float | None:
    """In lags; None where the curve does not fall, or too little was measured."""
    value = record.get("half_life")
    return value if record.get("falls", True) and is_number(value) else None


def horizon(record: Record) -> str:
    """The horizon as a number, or that it is at least so long."""
    return str(Horizon(record["horizon"], bool(record.get("censored"))))


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
        (str(lag), *(told(one.y[places[lag]]) for one in series)) for lag in sorted(picked) if lag in places
    ]
    return details("The numbers", table(["lag", *(one.label for one in series)], rows)) if rows else ""
