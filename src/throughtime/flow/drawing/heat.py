"""A heat map in a few shades, so that each can be told by its legend, and drawn as few shapes."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from throughtime.flow.drawing.frame import BOTTOM, LEFT, RIGHT, WIDTH, Plot, element, svg, text
from throughtime.flow.drawing.lines import Values
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.drawing.scale import Axis, Scale

# More would be narrower than a pixel or two.
_COLUMNS, _ROWS = 160, 120


@dataclass(frozen=True)
class Levels:
    """The shades: one below the first edge, one from each edge on.

    Attributes
    ----------
    edges : sequence of float
        Ascending.
    labels : sequence of str
        Of each edge; empty where there is no room for it.
    warm : int
        So many edges have shades of the first colour up to them; beyond, of another.
    """

    edges: Sequence[float]
    labels: Sequence[str]
    warm: int

    def shade(self, number: int) -> str:
        """The class and opacity of a shade, counted from 0."""
        warm = number > self.warm
        step = number - self.warm if warm else number + 1
        steps = len(self.edges) - self.warm if warm else self.warm + 1
        opacity = 0.35 + 0.65 * step / steps if warm else 0.04 + 0.96 * (step - 1) / max(steps - 1, 1)
        return f'class="tt-{"warm" if warm else "cool"}" fill-opacity="{opacity:.2f}"'


def heat(
    columns: Sequence[Values],
    at: Sequence[float],
    levels: Levels,
    x: Axis,
    y: Axis,
    *,
    title: str,
    description: str,
) -> str:
    """Draw values over two axes.

    Parameters
    ----------
    columns : sequence of sequences of float
        Each from 0 upwards, in steps of 1; where a value is None, NaN or infinite nothing is drawn. Of very many columns,
        and very many values in one, an evenly spaced choice is shown.
    at : sequence of float
        Each column's place on the horizontal axis, ascending.
    levels : Levels
    x, y : Axis
    title, description : str
    """
    chosen = range(0, len(columns), -(-len(columns) // _COLUMNS) or 1)
    columns, at = [columns[k] for k in chosen], [at[k] for k in chosen]
    tallest = max(map(len, columns), default=0)
    stride = -(-tallest // _ROWS) or 1
    edges = _edges(at)
    top = 52.0
    plot = Plot(
        top,
        Scale(replace(x, tight=True), edges, ticks=6),
        Scale(replace(y, tight=True), [0, max(tallest, 1)]),
    )
    paths = [""] * (len(levels.edges) + 1)
    for column, (start, stop) in zip(columns, pairwise(edges), strict=True):
        rows = [bisect_right(levels.edges, v) if is_number(v) else None for v in column[::stride]]
        row = 0
        for shade, run in groupby(rows):
            end = min(row + stride * len(list(run)), len(column))
            if shade is not None:
                (left, low), (right, high) = plot.at(start, row), plot.at(stop, end)
                paths[shade] += f"M{left:.1f} {low:.1f}V{high:.1f}H{right:.1f}V{low:.1f}z"
            row = end
    shapes = [f'<path d="{path}" {levels.shade(k)}/>' for k, path in enumerate(paths) if path]
    cells = element("g", *shapes, shape_rendering="crispEdges")
    height = top + plot.height + BOTTOM
    return svg(title, description, height, _key(levels), plot.inside(cells), plot.axes(x.title, y.title))


def _edges(at: Sequence[float]) -> list[float]:
    """Where each column begins, and the last ends: half way to its neighbours."""
    if not at:
        return [0.0]
    middles = [(before + after) / 2 for before, after in pairwise(at)]
    if not middles:
        return [at[0] - 0.5, at[0] + 0.5]
    # Nothing was before step 0, at which the first measurement is usually made.
    return [max(2 * at[0] - middles[0], min(at[0], 0.0)), *middles, 2 * at[-1] - middles[-1]]


def _key(levels: Levels) -> str:
    """The shades in a row, and the edges between."""
    width = (WIDTH - LEFT - RIGHT) / (len(levels.edges) + 1)
    parts = [
        f'<rect x="{LEFT + k * width:.1f}" y="4" width="{width:.1f}" height="14" {levels.shade(k)}/>'
        for k in range(len(levels.edges) + 1)
    ]
    parts.append(element("rect", x=LEFT, y=4, width=WIDTH - LEFT - RIGHT, height=14, class_="tt-box"))
    parts += [
        text(label, LEFT + (k + 1) * width, 36, text_anchor="middle")
        for k, label in enumerate(levels.labels)
        if label
    ]
    return "".join(parts)
