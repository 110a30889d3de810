"""Curves, bars and triangles made of characters."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Curve:
    """Points to be drawn by one mark."""

    x: Sequence[float]
    y: Sequence[float]
    mark: str
    style: str


def plot(
    curves: Iterable[Curve],
    x_edges: tuple[float, float],
    y_edges: tuple[float, float],
    columns: int,
    rows: int,
    y_label: Callable[[float], str],
    y_ticks: Sequence[float],
    x_ticks: Sequence[float],
) -> list[Text]:
    """Draw curves over a grid of characters, one mark a point; where two meet, the later curve is seen.

    Parameters
    ----------
    curves : iterable of Curve
    x_edges, y_edges : (float, float)
        The values in the middle of the first and of the last column, of the lowest and of the highest row.
    columns, rows : int
        Size of the grid.
    y_label : callable
        What to write beside a tick.
    y_ticks, x_ticks : sequence of float

    Returns
    -------
    lines : list of Text
        rows + 2 of them, as wide as the widest label and the grid.

    Examples
    --------
    >>> curve = Curve([0, 1, 2], [0, 1, 2], "*", "")
    >>> for line in plot([curve], (0, 2), (0, 2), 3, 3, "{:.0f}".format, [0, 2], [0, 2]):
    ...     print(line.plain)
    2 ┤  *
      │ *
    0 ┤*
      └┴─┴
       0 2
    """

    def place(value: float, edges: tuple[float, float], cells: int) -> int:
        return round((value - edges[0]) / (edges[1] - edges[0]) * (cells - 1))

    grid = [[(" ", "")] * columns for _ in range(rows)]
    for curve in curves:
        for x, y in zip(curve.x, curve.y, strict=True):
            column, row = place(x, x_edges, columns), place(y, y_edges, rows)
            if 0 <= column < columns and 0 <= row < rows:
                grid[row][column] = (curve.mark, curve.style)

    labels = {place(tick, y_edges, rows): y_label(tick) for tick in y_ticks}
    margin = max(map(len, labels.values()))
    lines = []
    for row in range(rows - 1, -1, -1):
        axis = f"{labels.get(row, ''):>{margin}} {'┤' if row in labels else '│'}"
        lines.append(Text.assemble((axis, "dim"), *grid[row]))
    ticks = {place(tick, x_edges, columns): f"{tick:g}" for tick in x_ticks}
    lines.append(
        Text(" " * (margin + 1) + "└" + "".join("┴" if c in ticks else "─" for c in range(columns)), "dim")
    )
    lines.append(Text(" " * (margin + 2) + _centred(ticks, columns), "dim"))
    return lines


def _centred(ticks: dict[int, str], columns: int) -> str:
    line = [" "] * (columns + 4)
    for column, label in ticks.items():
        first = max(0, column - len(label) // 2 - (label.startswith("-") and len(label) > 2))
        line[first : first + len(label)] = label
    return "".join(line).rstrip()


def side_by_side(left: Sequence[Text], right: Sequence[Text], gap: int = 3) -> list[Text]:
    """Put two drawings next to each other, the tops in line."""
    width = max(line.cell_len for line in left)
    lines = []
    for number in range(max(len(left), len(right))):
        line = left[number].copy() if number < len(left) else Text()
        line.pad_right(width - line.cell_len + gap)
        lines.append(line + right[number] if number < len(right) else line)
    return lines


def bar(share: float, columns: int, style: str = "cyan") -> Text:
    """A bar of up to `columns` characters, to an eighth of one.

    >>> bar(0.55, 10).plain
    '█████▌'
    """
    eighths = round(max(0.0, min(share, 1.0)) * columns * 8)
    return Text(("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip(), style)


def triangle(T: int, kept: Callable[[int, int], bool]) -> list[Text]:
    """The pairs of a loss t and a step k <= t: ■ where the gradient of E_t reaches the parameters at k, else ·.

    >>> for line in triangle(3, lambda t, k: t - k < 2):
    ...     print(line.plain)
    t=0 ■
      1 ■ ■
      2 · ■ ■
        0 1 2 =k
    """
    lines = []
    for t in range(T):
        line = Text(f"{'t=' if t == 0 else '  '}{t % 10} ", "dim")
        for k in range(t + 1):
            line.append(*(("■ ", "green") if kept(t, k) else ("· ", "dim")))
        line.rstrip()
        lines.append(line)
    lines.append(Text("    " + " ".join(str(k % 10) for k in range(T)) + " =k", "dim"))
    return lines


def decades(lowest: float, highest: float) -> list[int]:
    """Powers of ten to mark on an axis that holds two logarithms: evenly spaced, nine steps at most, 0 among them.

    >>> decades(-4.8, 0.0), decades(-9.5, 1.9)
    ([0, -1, -2, -3, -4, -5], [2, 0, -2, -4, -6, -8, -10])
    """
    lowest, highest = min(lowest, -1.0), max(highest, 0.0)
    step = math.ceil((math.ceil(highest) - math.floor(lowest)) / 9)
    return list(range(step * math.ceil(highest / step), step * math.floor(lowest / step) - 1, -step))
