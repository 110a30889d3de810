"""Units of a plain network through which no gradient passes: saturated ones, and dead ReLUs."""

import math
from collections.abc import Callable

from throughtime.flow.findings.command import Changes, command
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.fading import relu_remedy
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent
from throughtime.flow.saturation import GateSaturation
from throughtime.machine.arrays import Array

# In a trained tanh network a few in a hundred are saturated at a time; where it is most, most slopes are below 0.19.
_SATURATED = 0.5
# With the usual start a few in a hundred are dead, in a small layer up to one in six.
_DEAD = 1 / 3
# Where a unit is saturated, and the greatest slope there.
_ENDS = {"tanh": ("|h| > 0.9", "0.19"), "sigmoid": ("h < 0.1 or h > 0.9", "0.09")}


def saturated_units(evidence: Evidence) -> Finding | None:
    """Units that sit at the flat ends of their nonlinearity."""
    if evidence.gated:
        return None
    share, layer, gate = _worst(evidence, lambda gate: gate.saturated)
    if gate is None or share < _SATURATED:
        return None
    where, slope = _ENDS[gate.kind]
    half_life = evidence.curve.half_life
    falls = f", and the gradient halves every {lags(half_life)}" if 0 < half_life < math.inf else ""
    training = evidence.training
    by_rate = training is not None and training.init == "default"
    return Finding(
        "saturated-units",
        "problem",
        f"Units of layer {layer} are saturated ({where}) {percent(share)} of the time{falls}.",
        f"There a unit's slope is below {slope}: each step back shrinks the gradient several times over, and the unit hardly "
        "learns. A longer truncation would not help, nor would more data.",
        "Start with smaller weights and biases, as the default start does, or learn more slowly, so that no update drives "
        "units there.",
        command(evidence, {"lr": training.lower_lr} if training and by_rate else {"init": "default"}),
    )


def dead_units(evidence: Evidence) -> Finding | None:
    """ReLUs that were off at every step."""
    if evidence.gated:
        return None
    share, layer, gate = _worst(evidence, lambda gate: gate.dead)
    if gate is None or share < _DEAD:
        return None
    changes: Changes
    training = evidence.training
    if training is not None and (training.steps or evidence.started("weight_hh") == "identity"):
        remedy = (
            "Learn more slowly, as one large update can switch a unit off for good, and clip the gradient; or use tanh, whose "
            "units cannot die."
        )
        changes = {"lr": training.lower_lr, **({"clip-norm": 1} if training.clip is None else {})}
    else:
        remedy, changes = relu_remedy(evidence)
    return Finding(
        "dead-units",
        "problem",
        f"{percent(share)} of the units of layer {layer} were 0 at every step that was measured.",
        "No gradient passes through a ReLU that is off: such a unit neither remembers nor learns, whatever the truncation "
        "and the data, and what is left is a smaller network.",
        remedy,
        command(evidence, changes),
    )


def _worst(
    evidence: Evidence, measure: Callable[[GateSaturation], Array | None]
) -> tuple[float, int, GateSaturation | None]:
    """The largest mean over units of what is measured, of all gates of all layers; with its layer, and the gate."""
    found: list[tuple[float, int, GateSaturation | None]] = [(0.0, 0, None)]
    for layer, saturation in enumerate(evidence.flow.saturation):
        for gate in saturation.gates.values():
            values = measure(gate)
            if values is not None:
                found.append((float(values.mean()), layer, gate))
    return max(found, key=lambda each: each[0])
