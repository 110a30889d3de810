"""What was measured besides the curves, in sentences: what the weights allow, and what becomes of differences."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from throughtime.flow.conditions import WeightConditions
from throughtime.flow.drawing.numbers import power_of_ten, short
from throughtime.flow.report.content import Record, Stability
from throughtime.flow.report.lags import layer_name
from throughtime.flow.words import counted, underflow_in_words

# e to a power beyond this may be no number of Python's.
_LARGEST_LOG = 600.0


def stability_in_words(known: Stability, record: Record) -> dict[str, str]:
    """What a page tells of it, by what it is about.

    Parameters
    ----------
    known : Stability
    record : mapping
        The measurement, as `GradientFlow.record` has it.
    """
    layers = len(known.conditions)
    of = [f": {layer_name(layer, layers)}" if layers > 1 else "" for layer in range(layers)]
    said = {
        f"What the weights allow{of[layer]}": _condition(known.conditions[layer])
        for layer in reversed(range(layers))
    }
    said["Many steps together"] = _chain(known.chain)
    said["Small differences"] = _exponents(known.exponents)
    shares = record.get("underflow")
    if shares and known.dtype is not None:
        told = underflow_in_words(np.array(shares[-1], np.float64), known.dtype)
        said["Numbers too small to hold"] = f"{told[:1].upper()}{told[1:]}."
    return {name: text for name, text in said.items() if text}


def _condition(found: WeightConditions | None) -> str:
    if found is None:
        return ""
    most = short(found.bound)
    if found.must_vanish:
        follows = "As that is below 1 the gradient vanishes: this alone is sufficient."
    elif found.may_explode:
        follows = "As that is above 1 the gradient can explode, but need not: it is necessary, not sufficient, and it may still vanish."
    else:
        follows = "As that is 1 the gradient cannot explode; whether it vanishes is open."
    radius = found.radius_says
    return (
        f"One step back multiplies the gradient by at most {most} (γ‖W‖₂), whatever the text. {follows} "
        f"{radius[:1].upper()}{radius[1:]}"
    )


def _chain(chain: Mapping[int, float]) -> str:
    if not chain:
        return ""
    sizes = [f"over {counted(steps, 'step')} {_power(log)}" for steps, log in chain.items()]
    return (
        "The most that can be left of a gradient on its way back through the top layer, as a multiple of what it was: "
        f"{', '.join(sizes)}. Below 1 every gradient shrinks."
    )


def _exponents(exponents: Sequence[float]) -> str:
    if not len(exponents):
        return ""
    first = exponents[0]
    listed = ", ".join(f"{value:.3f}".replace("-", "−") for value in exponents)
    becomes = "dies out" if first < 0 else "stays" if first == 0 else "grows"
    return (
        f"In the long run each step makes a small difference between two states of the top layer {_power(first)} times as "
        f"large, so that it {becomes}; a gradient does the same. (Lyapunov exponents: {listed}; below 0 differences die "
        "out, above 0 they grow.)"
    )


def _power(log: float) -> str:
    """e^log, however large or small."""
    if abs(log) < _LARGEST_LOG:
        return short(math.exp(log))
    return power_of_ten(round(log / math.log(10))) if math.isfinite(log) else "0"
