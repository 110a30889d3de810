"""Units of a plain network through which no gradient passes: saturated ones, and dead ReLUs."""

import math

import numpy as np

from throughtime.flow.findings.command import Changes, command
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.fading import relu_remedy
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent, plain

# In a trained tanh network a few in a hundred are saturated at a time; where it is most, most slopes are below 0.19.
_SATURATED = 0.5
# With the usual start a few in a hundred are dead, in a small layer up to one in six.
_DEAD = 1 / 3
# A learning rate that drove units to their flat ends is tried again at a quarter.
_LESS = 0.25
# Where a unit is saturated, and the greatest slope there.
_ENDS = {"tanh": ("|h| > 0.9", "0.19"), "sigmoid": ("h < 0.1 or h > 0.9", "0.09")}


def saturated_units(evidence: Evidence) -> Finding | None:
    """Units that sit at the flat ends of their nonlinearity."""
    if evidence.gated:
        return None
    found = [gate for layer in evidence.flow.saturation for gate in layer.gates.values()]
    shares = [0.0 if gate.saturated is None else float(gate.saturated.mean()) for gate in found]
    if max(shares, default=0.0) < _SATURATED:
        return None
    layer = int(np.argmax(shares))
    where, slope = _ENDS[found[layer].kind]
    half_life = evidence.curve.half_life
    falls = f", and the gradient halves every {lags(half_life)}" if 0 < half_life < math.inf else ""
    training = evidence.training
    by_rate = training is not None and training.init == "default"
    return Finding(
        "saturated-units",
        "problem",
        f"Units of layer {layer} are saturated ({where}) {percent(shares[layer])} of the time{falls}.",
        f"There a unit's slope is below {slope}: each step back shrinks the gradient several times over, and the unit hardly "
        "learns. A longer truncation would not help, nor would more data.",
        "Start with smaller weights and biases, as the default start does, or learn more slowly, so that no update drives "
        "units there.",
        command(
            evidence, {"lr": plain(training.lr * _LESS)} if training and by_rate else {"init": "default"}
        ),
    )


def dead_units(evidence: Evidence) -> Finding | None:
    """ReLUs that were off at every step."""
    if evidence.gated:
        return None
    found = [gate for layer in evidence.flow.saturation for gate in layer.gates.values()]
    shares = [0.0 if gate.dead is None else float(gate.dead.mean()) for gate in found]
    if max(shares, default=0.0) < _DEAD:
        return None
    layer = int(np.argmax(shares))
    changes: Changes
    training = evidence.training
    if training is not None and (training.steps or evidence.started("weight_hh") == "identity"):
        remedy = (
            "Learn more slowly, as one large update can switch a unit off for good, and clip the gradient; or use tanh, whose "
            "units cannot die."
        )
        changes = {"lr": plain(training.lr * _LESS), **({"clip-norm": 1} if training.clip is None else {})}
    else:
        remedy, changes = relu_remedy(evidence)
    return Finding(
        "dead-units",
        "problem",
        f"{percent(shares[layer])} of the units of layer {layer} were 0 at every step that was measured.",
        "No gradient passes through a ReLU that is off: such a unit neither remembers nor learns, whatever the truncation "
        "and the data, and what is left is a smaller network.",
        remedy,
        command(evidence, changes),
    )
