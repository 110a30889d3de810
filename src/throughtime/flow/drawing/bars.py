"""Shares of a whole as bars, side by side in groups."""

from collections.abc import Sequence
from dataclasses import dataclass

from throughtime.flow.drawing.frame import ROW, WIDTH, drawn, element, legend, length, svg, text
from throughtime.flow.drawing.lines import COLOURS, Values
from throughtime.flow.drawing.numbers import is_number

_LEFT, _FARTHEST, _RIGHT = 170.0, 330.0, 64  # the bars begin between the first two, as their labels need
_BAR = 14


@dataclass(frozen=True)
class Bar:
    """A bar: the share of each part, from 0 to 1, in the parts' order; None for what was not measured."""

    label: str
    shares: Values


@dataclass(frozen=True)
class Group:
    """Bars under a heading."""

    label: str
    bars: Sequence[Bar]


def bars(groups: Sequence[Group], parts: Sequence[str], *, title: str, description: str) -> str:
    """Draw the parts of each bar one after another, and their sum in percent behind it.

    Parameters
    ----------
    groups : sequence of Group
    parts : sequence of str
        What the shares are of.
    title, description : str
    """
    samples = [
        element("rect", y=1, width=26, height=10, class_=f"tt-fill tt-{k % COLOURS}")
        for k in range(len(parts))
    ]
    key, y = legend(list(zip(parts, samples, strict=True)), left=8)
    widest = max((length(bar.label) for group in groups for bar in group.bars), default=0.0)
    left = min(max(_LEFT, widest + 18), _FARTHEST)
    width = WIDTH - left - _RIGHT
    drawings = []
    for group in groups:
        drawings.append(text(group.label, 8, y + 16, "tt-name"))
        y += ROW
        for bar in group.bars:
            drawings.append(text(bar.label, left - 10, y + 14, room=left - 18, text_anchor="end"))
            drawings.append(element("rect", x=left, y=y + 2, width=width, height=_BAR, class_="tt-track"))
            start = 0.0
            for k, share in enumerate(bar.shares):
                if is_number(share):
                    share = min(max(share, 0.0), 1.0 - start)
                    place = {"x": left + start * width, "y": y + 2, "width": share * width, "height": _BAR}
                    drawings.append(element("rect", **place, class_=f"tt-fill tt-{k % COLOURS}"))
                    start += share
            known = any(is_number(share) for share in bar.shares)
            drawings.append(text(f"{100 * start:.0f}%" if known else "–", WIDTH - _RIGHT + 8, y + 14))
            y += ROW
        y += 8
    for share in (0.0, 0.5, 1.0):
        x = left + share * width
        drawings.append(element("path", d=drawn([(x, y), (x, y + 5)]), class_="tt-axis"))
        drawings.append(text(f"{100 * share:.0f}%", x, y + 20, text_anchor="middle"))
    drawings.append(element("path", d=drawn([(left, y), (left + width, y)]), class_="tt-axis"))
    return svg(title, description, y + 28, key, *drawings)
