"""Charts as inline SVG: small, without scripts, light and dark, readable on a narrow screen and on paper.

`lines`, `heat` and `bars` return ``<svg>`` elements as text. `STYLE` is the style sheet they share; they stand inside an
element of class ``tt``, which carries the colours. All text they are given is escaped.
"""

from importlib.resources import files

from throughtime.flow.drawing.bars import Bar, Group, bars
from throughtime.flow.drawing.heat import Levels, heat
from throughtime.flow.drawing.lines import Mark, Series, Strip, lines
from throughtime.flow.drawing.scale import Axis

STYLE = files(__name__).joinpath("chart.css").read_text(encoding="utf-8")

__all__ = [
    "STYLE",
    "Axis",
    "Bar",
    "Group",
    "Levels",
    "Mark",
    "Series",
    "Strip",
    "bars",
    "heat",
    "lines",
]
