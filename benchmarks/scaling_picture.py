"""One picture of how a training step's cost grows."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

COLUMNS = 4
STRAIGHT = 0.98  # the share of the variance above which a line says more than a power
POINTS, FIT, FULL = "#1f5a96", "#c9622b", "#666666"


def draw(found: dict[str, Any], path: Path) -> None:
    """A panel for each curve, both axes logarithmic, and the line that was fitted."""
    rows = -(-len(found) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 3.1 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel, curve in zip(panels, found.values(), strict=False):
        _draw_panel(panel, curve)
    for panel in panels[len(found) :]:
        panel.set_visible(False)
    figure.suptitle("How a training step's cost grows (GRU, one thread, float32; both axes logarithmic)")
    figure.savefig(path, dpi=150)


def _draw_panel(panel: Axes, curve: dict[str, Any]) -> None:
    sizes, values, fit = curve["sizes"], curve["values"], curve["line"]
    panel.loglog(sizes, values, "o", color=POINTS, markersize=5, zorder=3)
    fine = np.geomspace(sizes[0], sizes[-1], 61)
    title = f"{curve['label']}\nexponent {curve['exponent']:.2f}"
    if fit["r_squared"] > STRAIGHT:
        label = f"{fit['constant']:.2g} + {fit['slope']:.2g} x"
        panel.plot(fine, fit["constant"] + fit["slope"] * fine, color=FIT, linewidth=1.3, label=label)
        if "exponent" in fit:
            title += f", {fit['exponent']:.2f} beyond the constant"
    else:
        middle = np.exp(np.mean(np.log(values) - curve["exponent"] * np.log(sizes)))
        panel.plot(
            fine,
            middle * fine ** curve["exponent"],
            color=FIT,
            linewidth=1.3,
            label=f"x to the power of {curve['exponent']:.2f}",
        )
    if "full" in curve:
        panel.axhline(curve["full"], color=FULL, linestyle="--", linewidth=1, label="full gradient, any lag")
    panel.set_title(title, fontsize=9)
    low, high = min(*values, curve.get("full", values[0])), max(values)
    panel.set_ylim(low / 1.4, high * 1.4)
    panel.set_ylabel(curve["unit"], fontsize=9)
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25, linewidth=0.6)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    if panel.get_legend_handles_labels()[1]:
        panel.legend(fontsize=8, frameon=False)
