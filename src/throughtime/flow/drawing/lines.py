"""Curves over a common axis, with the bands around them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from throughtime.flow.drawing.frame import BOTTOM, Plot, drawn, element, legend, length, svg, text
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.drawing.scale import Axis, Scale

COLOURS = 8  # in the style sheet
_APART = 12.0
_FEW = 30  # points that are shown one by one

Values = Sequence[float | None]
_Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A curve; where a value is None, NaN or infinite it has a gap.

    Attributes
    ----------
    label : str
        Empty for one that the legend leaves out.
    x, y : sequence of float
    low, high : sequence of float, or None
        The edges of a band around it.
    kind : "line", "steps" or "points"
        "steps" keep a value until the next one; "points" are triangles, for values that are at least so high.
    colour : int or None
        Its place in the palette; None for its place among the series.
    """

    label: str
    x: Sequence[float]
    y: Values
    low: Values | None = None
    high: Values | None = None
    kind: Literal["line", "steps", "points"] = "line"
    colour: int | None = None


@dataclass(frozen=True)
class Mark:
    """A place on the horizontal axis that has a meaning."""

    x: float
    label: str


@dataclass(frozen=True)
class Strip:
    """How often something happened, as shades below the curves: (from, to, share) along the horizontal axis."""

    label: str
    spans: Sequence[tuple[float, float, float]]


def lines(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    title: str,
    description: str,
    marks: Sequence[Mark] = (),
    strip: Strip | None = None,
) -> str:
    """Draw curves.

    Parameters
    ----------
    series : sequence of Series
    x, y : Axis
        The horizontal one always ends with the values.
    title, description : str
        The chart's name, and what it shows for those who do not see it.
    marks : sequence of Mark
        Vertical lines.
    strip : Strip, optional
    """
    along = [value for one in series for value in one.x] + [mark.x for mark in marks]
    up = [value for one in series for part in (one.y, one.low, one.high) for value in part or ()]
    colours = [(one.colour if one.colour is not None else k) % COLOURS for k, one in enumerate(series)]
    entries = [
        (one.label, _sample(one, colour)) for one, colour in zip(series, colours, strict=True) if one.label
    ]
    if strip is not None:
        entries.append((strip.label, element("rect", y=1, width=26, height=10, class_="tt-strip")))
    key, top = legend(entries if len(entries) > 1 else ())
    plot = Plot(
        top,
        Scale(replace(x, tight=True), along, ticks=6),
        Scale(y, up),
    )
    drawings = [_band(one, colour, plot) for one, colour in zip(series, colours, strict=True)]
    drawings += [_strip(strip, plot)] if strip is not None else []
    drawings += [_curve(one, colour, plot) for one, colour in zip(series, colours, strict=True)]
    drawings += [_mark(mark, row, plot) for row, mark in enumerate(sorted(marks, key=lambda each: each.x))]
    return svg(
        title,
        description,
        top + plot.height + BOTTOM,
        key,
        plot.axes(x.title, y.title),
        plot.inside(*drawings),
    )


def _pieces(x: Sequence[float], y: Values, plot: Plot) -> list[list[_Point]]:
    """The stretches without a gap."""
    pieces: list[list[_Point]] = [[]]
    for at, value in zip(x, y, strict=True):
        if is_number(value) and is_number(at):
            pieces[-1].append(plot.at(at, value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _curve(one: Series, colour: int, plot: Plot) -> str:
    pieces = _pieces(one.x, one.y, plot)
    if one.kind == "points":
        places = _apart([point for piece in pieces for point in piece])
        path = "".join(f"M{x - 5:.1f} {y + 4:.1f}h10l-5 -9z" for x, y in places)
        return element("path", d=path, class_=f"tt-fill tt-{colour}") if path else ""
    dots = "".join(
        f"{drawn([point])}h0" for piece in pieces if len(piece) == 1 or len(one.x) <= _FEW for point in piece
    )
    if one.kind == "steps":
        pieces = [_stepped(piece) for piece in pieces]
    path = "".join(drawn(piece) for piece in pieces if len(piece) > 1)
    kind = f"tt-line tt-{colour}"
    return (element("path", d=path, class_=kind) if path else "") + (
        element("path", d=dots, class_=f"{kind} tt-dots") if dots else ""
    )


def _apart(points: Iterable[_Point]) -> list[_Point]:
    """Points that do not run into one another."""
    kept: list[_Point] = []
    for x, y in points:
        if not kept or math.hypot(x - kept[-1][0], y - kept[-1][1]) >= _APART:
            kept.append((x, y))
    return kept


def _stepped(piece: list[_Point]) -> list[_Point]:
    corners = [(x, y) for (_, y), (x, _) in pairwise(piece)]
    return [point for pair in zip(piece, [*corners, piece[-1]], strict=True) for point in pair]


def _band(one: Series, colour: int, plot: Plot) -> str:
    if one.low is None or one.high is None:
        return ""
    whole = [is_number(low) and is_number(high) for low, high in zip(one.low, one.high, strict=True)]
    lows, highs = (
        _pieces(one.x, [v if ok else None for v, ok in zip(edge, whole, strict=True)], plot)
        for edge in (one.low, one.high)
    )
    path = "".join(f"{drawn([*low, *reversed(high)])}Z" for low, high in zip(lows, highs, strict=True))
    return element("path", d=path, class_=f"tt-band tt-{colour}") if path else ""


def _sample(one: Series, colour: int) -> str:
    """How a curve looks, for the legend."""
    if one.kind == "points":
        return element("path", d="M8 11h10l-5 -9z", class_=f"tt-fill tt-{colour}")
    band = "" if one.low is None else element("rect", width=26, height=12, class_=f"tt-band tt-{colour}")
    return band + element("path", d="M0 6h26", class_=f"tt-line tt-{colour}")


def _strip(strip: Strip, plot: Plot) -> str:
    parts = []
    for start, stop, share in strip.spans:
        if share > 0:
            left, right = (plot.x.place(value) * plot.width for value in (start, stop))
            # What happened once in a thousand times is still seen.
            width, shade = max(right - left, 1.0), f"{0.15 + 0.85 * min(share, 1.0):.2f}"
            y = plot.height - 10
            parts.append(
                element("rect", x=left, y=y, width=width, height=10, class_="tt-strip", opacity=shade)
            )
    return "".join(parts)


def _mark(mark: Mark, row: int, plot: Plot) -> str:
    x = plot.x.place(mark.x) * plot.width
    anchor, beside = ("start", 5) if x + 5 + length(mark.label) <= plot.width else ("end", -5)
    return element("path", d=drawn([(x, 0.0), (x, plot.height)]), class_="tt-mark") + text(
        mark.label, x + beside, 16.0 + 20 * (row % 5), "tt-halo", text_anchor=anchor
    )
