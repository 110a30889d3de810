"""What a flow amounts to in words: the same in a terminal, on a page, in a figure and in a notebook."""

import math
from typing import TYPE_CHECKING

import numpy as np

from throughtime.errors import DivergedError
from throughtime.flow.findings.numbers import percent
from throughtime.machine.arrays import Array

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow

TOO_SHORT = (
    "Too short to tell: over so few lags nothing can be said of how the gradient falls. Give a longer text, or longer "
    "sequences, or more of --max-lag."
)

ELSEWHERE = (
    "The loss has no gradient at the top layer's h itself: it reads another part of the state, or another layer. Their curves "
    "say how far it reaches."
)


def counted(number: int, what: str) -> str:
    """So many of something.

    Examples
    --------
    >>> counted(1, "lag"), counted(1200, "lag")
    ('1 lag', '1,200 lags')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def half_life_in_words(lags: float, unit: bool = True) -> str:
    """A half-life as `Curve.half_life` has it; without `unit` a number stands alone.

    Examples
    --------
    >>> half_life_in_words(3.14159), half_life_in_words(1.0), half_life_in_words(12345.6)
    ('3.14 lags', '1 lag', '12,346 lags')
    >>> half_life_in_words(math.inf), half_life_in_words(math.nan), half_life_in_words(2.5, unit=False)
    ('infinite', 'unknown', '2.5')
    """
    if not math.isfinite(lags):
        return "infinite" if lags > 0 else "unknown"
    number = f"{lags:,.0f}" if 1000 <= lags < 1e6 else f"{lags:.3g}"
    return f"{number} lag{'' if number == '1' else 's'}" if unit else number


def horizon_in_words(lags: int, censored: bool) -> str:
    """A horizon, or its lower bound.

    Examples
    --------
    >>> horizon_in_words(20, False), horizon_in_words(1, True)
    ('20 lags', 'at least 1 lag')
    """
    return f"{'at least ' if censored else ''}{counted(lags, 'lag')}"


def cell_in_words(flow: "GradientFlow") -> str:
    """What was measured, such as `lstm, 2 layers of 64 units`."""
    layers = f"{flow.num_layers} layers of " if flow.num_layers > 1 else ""
    return f"{flow.name}, {layers}{flow.hidden_size} units"


def reach_in_words(flow: "GradientFlow") -> str:
    """Half-life and horizon, where there is a gradient."""
    curve = flow.curve()
    if curve.phi[0] == 0:
        return "no gradient"
    horizon = curve.horizon()
    return f"half-life {half_life_in_words(curve.half_life)}, horizon {horizon_in_words(horizon, horizon.censored)}"


def flow_in_words(flow: "GradientFlow") -> str:
    """A whole flow in a line, with the names of its findings."""
    try:
        reach = reach_in_words(flow)
    except DivergedError as error:
        return f"{cell_in_words(flow)}: {error}"
    names = [finding.name for finding in flow.findings]
    if names:
        told = f"{counted(len(names), 'finding')}: {', '.join(names)}"
    else:
        told = "too short to tell" if flow.curve().too_short else "no findings"
    return f"{cell_in_words(flow)}: {reach}; {told}"


def underflow_in_words(shares: Array, dtype: str) -> str:
    """From which lag on entries of the gradient are too small for a type.

    Parameters
    ----------
    shares : (L+1,)
        One layer's, as `GradientFlow.underflow` has them.
    dtype : str

    Examples
    --------
    >>> underflow_in_words(np.array([0.0, 0.25, 0.5]), "float32")
    'from lag 1 on entries are too small for float32, at the last lag 50% of them'
    """
    known = np.nan_to_num(shares)
    lost = np.flatnonzero(known > 0)
    if not len(lost):
        return f"no entry of the gradient is too small for {dtype}"
    return f"from lag {lost[0]} on entries are too small for {dtype}, at the last lag {percent(float(known[-1]))} of them"
