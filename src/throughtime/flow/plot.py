"""The lag curves as a matplotlib figure, for papers and slides."""

from typing import TYPE_CHECKING

import numpy as np

from throughtime.extras import require
from throughtime.flow.words import cell_in_words, half_life_in_words
from throughtime.machine.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from throughtime.flow.profile import GradientFlow

# What is left of a gradient below this share moves no weight in float32.
_LOWEST = 1e-12
_MARGIN = 3.0  # a factor: the axis is logarithmic
_STATE_STYLES = "-", "--", ":", "-."


def plot_flow(flow: "GradientFlow", ax: "Axes | None" = None) -> "Figure":
    """Draw phi_l / phi_0 of each layer on a log scale, with a band from the 10th to the 90th percentile of h's.

    Parameters
    ----------
    flow : GradientFlow
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default, which pyplot does not keep: a notebook shows it, and `savefig` writes it.

    Raises
    ------
    MissingError
        matplotlib is missing; the message says how to install it.
    DivergedError
        The gradient is no number.
    """
    require("matplotlib", "plot")
    from matplotlib.figure import Figure

    if ax is None:
        ax = Figure(figsize=(7, 4.2), layout="constrained").add_subplot()
    layers = range(flow.num_layers)
    for layer, colour in zip(reversed(layers), _colours(flow.num_layers), strict=True):
        name = f"layer {layer}, " if flow.num_layers > 1 else ""
        for state, style in zip(flow.norms, _STATE_STYLES, strict=False):
            phi = flow.norms[state][layer]
            if state == "h":
                low, high = (_relative(flow.percentiles[state][k, layer], phi) for k in (0, 2))
                ax.fill_between(flow.lags, low, high, color=colour, alpha=0.15, linewidth=0)
            ax.plot(flow.lags, _relative(phi, phi), style, color=colour, label=name + state)
    curve, found = flow.curve(), "no gradient"
    if curve.phi[0] > 0:
        found = f"half-life {half_life_in_words(curve.half_life)}"
        _mark_horizon(flow, ax)
    ax.set_yscale("log")
    bottom, top = ax.get_ylim()
    # The margin above would grow with all that lies below what is shown.
    ax.set_ylim(max(bottom, _LOWEST), min(top, _MARGIN * max(ax.dataLim.y1, 1.0)))
    ax.set_xlim(0, max(1, flow.lags[-1]))
    ax.set_xlabel("lag (steps from the loss back to the state)")
    ax.set_ylabel("gradient (lag 0 = 1)")
    ax.set_title(f"{cell_in_words(flow)}: {found}")
    if flow.num_layers * len(flow.norms) > 1:
        ax.legend()
    figure = ax.get_figure(root=True)
    assert figure is not None  # an Axes is always in one
    return figure


def _mark_horizon(flow: "GradientFlow", ax: "Axes") -> None:
    horizon = flow.horizon()
    right = horizon < 0.7 * flow.lags[-1]
    ax.axvline(horizon, color="0.4", linewidth=1, linestyle=(0, (2, 3)))
    ax.annotate(
        f"horizon {horizon}",
        (horizon, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4 if right else -4, -12),
        textcoords="offset points",
        ha="left" if right else "right",
        color="0.3",
    )


def _relative(values: Array, phi: Array) -> Array:
    """Values over phi_0; what cannot stand on a log scale is NaN, and left out."""
    with np.errstate(all="ignore"):
        relative: Array = values / phi[0]
    return np.where(np.isfinite(relative) & (relative > 0), relative, np.nan)


def _colours(number: int) -> list[str]:
    """The top layer's first, in matplotlib's own cycle."""
    return [f"C{k % 10}" for k in range(number)]
