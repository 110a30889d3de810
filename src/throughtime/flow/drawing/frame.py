"""What every chart has: a size, a name for those who do not see it, axes with ticks, and a legend above."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from throughtime.flow.drawing.scale import Scale

WIDTH, HEIGHT = 560, 240  # of the chart, and of its plot; the units are pixels where the page is wide enough
LEFT, RIGHT, BOTTOM = 80, 16, 52
ROW = 24  # from one line of text to the next
# On a narrow screen a chart shrinks and its letters do not quite: there is room for the larger ones.
_LETTER = 9.6
_DOT = 5  # of what is drawn around a point
_LONGEST = 42  # letters of a label


def element(name: str, *content: str, **attributes: object) -> str:
    """An element around markup; attributes are escaped, `_` stands for `-`, and a last `_` is dropped.

    >>> element("text", "a &lt; b", x=1.0, class_='"')
    '<text x="1" class="&quot;">a &lt; b</text>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_written(value)}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{''.join(content)}</{name}>"


def text(
    said: str, x: float, y: float, kind: str = "", room: float | None = None, **attributes: object
) -> str:
    """A line of text; what is too long, or wider than its room, is cut, and whole where the pointer rests."""
    longest = _LONGEST if room is None else min(_LONGEST, int(room / _LETTER))
    if len(said) > longest:
        whole, said = element("title", escape(said)), said[: longest - 1] + "…"
    else:
        whole = ""
    return element("text", whole, escape(said), x=x, y=y, class_=f"tt-text {kind}".strip(), **attributes)


def length(said: str) -> float:
    """About how wide a line of text is, where letters are largest."""
    return _LETTER * min(len(said), _LONGEST)


def drawn(points: Iterable[tuple[float, float]]) -> str:
    """The path through points."""
    return "M" + "L".join(f"{_written(x)} {_written(y)}" for x, y in points)


def svg(title: str, description: str, height: float, *content: str) -> str:
    """The chart's outermost element."""
    named = element("title", escape(title)) + element("desc", escape(description))
    box = f"0 0 {WIDTH} {_written(height)}"
    return element("svg", named, *content, class_="tt-chart", viewBox=box, role="img", aria_label=title)


@dataclass(frozen=True)
class Plot:
    """The place of the data, from (left, top) on.

    Attributes
    ----------
    top : float
    x, y : Scale
    """

    top: float
    x: Scale
    y: Scale
    width: float = WIDTH - LEFT - RIGHT
    height: float = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point's place within `inside`."""
        return self.x.place(x) * self.width, (1 - self.y.place(y)) * self.height

    def inside(self, *content: str) -> str:
        """Content in the plot's own units, cut at its edges without need of a name for them; a dot there is whole."""
        size = {"width": self.width + 2 * _DOT, "height": self.height + _DOT}
        box = f"{-_DOT} {-_DOT} {_written(size['width'])} {_written(size['height'])}"
        return element("svg", *content, x=LEFT - _DOT, y=self.top - _DOT, **size, viewBox=box)

    def axes(self, x_title: str, y_title: str) -> str:
        """Grid, ticks and titles."""
        right, bottom = LEFT + self.width, self.top + self.height
        parts = []
        for place, label in self.y.ticks:
            y = bottom - place * self.height
            parts.append(element("path", d=drawn([(LEFT, y), (right, y)]), class_="tt-grid"))
            parts.append(text(label, LEFT - 8, y + 5, text_anchor="end"))
        for place, label in _apart(self.x.ticks, self.width):
            x = LEFT + place * self.width
            parts.append(element("path", d=drawn([(x, bottom), (x, bottom + 5)]), class_="tt-axis"))
            # Labels at the very ends would stick out.
            anchor = "end" if place > 0.97 else "middle"
            parts.append(
                text(label, x + (RIGHT - 4 if anchor == "end" else 0), bottom + 20, text_anchor=anchor)
            )
        parts.append(element("path", d=drawn([(LEFT, bottom), (right, bottom)]), class_="tt-axis"))
        parts.append(text(x_title, LEFT + self.width / 2, bottom + 42, "tt-name", text_anchor="middle"))
        middle = self.top + self.height / 2
        turned = f"rotate(-90 14 {_written(middle)})"
        parts.append(text(y_title, 14, middle, "tt-name", text_anchor="middle", transform=turned))
        return "".join(parts)


def legend(entries: Sequence[tuple[str, str]], left: float = LEFT) -> tuple[str, float]:
    """Labels, each beside a sample drawn in 26 x 12, in as many rows as they need; and the height of these."""
    parts, x, y = [], left, 6.0
    for label, sample in entries:
        width = 34 + length(label) + 18
        if x > left and x + width - 18 > WIDTH:
            x, y = left, y + ROW
        parts.append(element("g", sample, transform=f"translate({_written(x)} {_written(y)})"))
        parts.append(text(label, x + 34, y + 11))
        x += width
    return "".join(parts), (y + ROW + 2 if entries else 10.0)


def _apart(ticks: Sequence[tuple[float, str]], width: float) -> list[tuple[float, str]]:
    """Ticks whose labels leave each other room."""
    kept: list[tuple[float, str]] = []
    for place, label in ticks:
        room = (length(label) + (length(kept[-1][1]) if kept else 0)) / 2 + 12
        if not kept or (place - kept[-1][0]) * width >= room:
            kept.append((place, label))
    return kept


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return escape(str(value))
