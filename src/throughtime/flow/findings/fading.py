"""Gradients that vanish in networks without gates, whose only path back in time is through the recurrent weights."""

from typing import NamedTuple

from throughtime.flow.findings.command import Changes, command, with_start
from throughtime.flow.findings.evidence import USUAL_LR, Evidence
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent, plain

# More than half of the lags that training reaches for then share 1% of the gradient. A tanh network with the usual start
# has its horizon at 8 lags, so it is told from 16 on.
SHORT = 2
# An orthogonal or identity start has 1, the usual one 0.58.
_SMALL_RADIUS = 0.9
# Of the time in which units are saturated: below it is no cause.
_SOME = 0.2
# Starts of the recurrent weights that carry a gradient on.
_CARRYING = ("orthogonal", "identity", "smart-tanh")
# The share of the usual learning rate at which an identity start trains without diverging.
_SLOWLY = 0.1
# Open forget gates; the items of a plain network's start are none of an LSTM's.
_LSTM: Changes = {"cell": "lstm", "nonlinearity": None, "omega": None, "init": "bias_f=1"}


class Remedy(NamedTuple):
    """What to try, and as which options."""

    words: str
    changes: Changes


def is_short(evidence: Evidence) -> bool:
    """Whether the gradient falls to nothing well before the last lag that training reaches for."""
    horizon = evidence.horizon
    return evidence.measured and not horizon.censored and SHORT * horizon <= evidence.wanted


def vanishing(evidence: Evidence) -> Finding | None:
    """A gradient that is gone long before the truncation cuts it."""
    if evidence.gated or not is_short(evidence):
        return None
    curve, wanted = evidence.curve, evidence.wanted
    edge = min(wanted, len(curve.phi) - 1)
    left = curve.relative[edge]
    shown = f"a share of {left:.0e}" if left > 0 else "nothing"
    half = f"halves every {lags(curve.half_life)}" if curve.half_life > 0 else "is gone after one lag"
    remedy = _remedy(evidence)
    return Finding(
        "vanishing",
        "caution" if evidence.gated is None else "problem",
        f"The gradient {half}: 99% of it lies within {lags(evidence.horizon)}, and {shown} is left at lag {edge}; {_cause(evidence)}.",
        f"Of the {evidence.wanted_lags} the network learns from {evidence.horizon}: what stands further back in the data "
        "has no part in any update, and a longer truncation would not change that.",
        remedy.words,
        command(evidence, remedy.changes),
    )


def _cause(evidence: Evidence) -> str:
    """Why it vanishes, as far as the weights tell."""
    conditions, start = evidence.flow.conditions[-1], evidence.started("weight_hh")
    if evidence.gated is None:
        return "whether this step could learn to hold it is not known here"
    if conditions is None:  # of somebody's own cell
        return "the recurrent weights are the only path back in time"
    found = f"gamma*||W||_2 is {conditions.bound:.3g}"
    if conditions.must_vanish:
        found += ", below 1, which is sufficient for vanishing"
    if conditions.activation == "sigmoid":
        return f"{found}, and the sigmoid's slope is at most 1/4"
    if conditions.must_vanish or conditions.radius < _SMALL_RADIUS:
        return f"{found}, and the recurrent weights are small (spectral radius {conditions.radius:.2g})"
    began = f", and the recurrent weights started {start}" if start in _CARRYING else ""
    if evidence.orthogonal and not began:
        began = f", and the recurrent weights are {'the identity' if evidence.identity else 'orthogonal'}"
    if conditions.activation == "identity":
        return f"{found}{began}: the directions in which the loss changes are among those that W shrinks"
    (unit,) = evidence.flow.saturation[-1].gates.values()  # of cells with one gate conditions speak
    flat = 0.0 if unit.saturated is None else float(unit.saturated.mean())
    why = (
        f": units are saturated {percent(flat)} of the time"
        if flat >= _SOME
        else ": the slopes of the units shrink it"
    )
    return f"{found}{began}{why}"


def _remedy(evidence: Evidence) -> Remedy:
    """Weights that carry a gradient on, where they have not been tried; otherwise a gate."""
    kinds = evidence.activations
    orthogonal = with_start(evidence, weight_hh="orthogonal")
    if evidence.gated is None:
        return Remedy(
            "Where the recurrent weights are the only path from one state to the next, start them orthogonal, or give the step "
            "a gate through which the state passes on by itself. Where it has one, start with the gate open, as with a bias "
            "of 1 for an LSTM's forget gate.",
            {},
        )
    if "sigmoid" in kinds:
        return Remedy(
            "Use tanh, whose slope reaches 1, and start the recurrent weights orthogonal: they then neither shrink nor "
            "stretch what passes through. An LSTM with forget bias 1, or a GRU, can learn to remember for longer still.",
            {"nonlinearity": "tanh", "init": orthogonal},
        )
    if "relu" in kinds and evidence.started("weight_hh") not in _CARRYING and not evidence.identity:
        return relu_remedy(evidence)
    if not kinds or evidence.started("weight_hh") in _CARRYING or evidence.orthogonal:
        by_stream = evidence.training is not None and evidence.training.seq_len is not None
        relu = "" if by_stream or "tanh" not in kinds else " Or use ReLUs, and start as the identity."
        return Remedy(
            "Use a cell whose state passes on by itself, through a gate: an LSTM with forget bias 1, so that it remembers "
            f"from the start, or a GRU.{relu}",
            _LSTM,
        )
    return Remedy(
        "Start the recurrent weights orthogonal: they then neither shrink nor stretch what passes through. An LSTM with "
        "forget bias 1, or a GRU, can learn to remember for longer still.",
        {"init": orthogonal},
    )


def relu_remedy(evidence: Evidence) -> Remedy:
    """What makes a ReLU network remember, and as which options.

    By sentence Le et al.'s start (2015). By stream nothing ends the past, and a state that only adds up grows until
    training diverges, however it is clipped.
    """
    training = evidence.training
    if training is not None and training.seq_len is not None:
        return Remedy(
            "Use a cell whose state passes on by itself, through a gate: an LSTM with forget bias 1, or a GRU. The identity "
            "start, which makes ReLUs remember, is for sentences (--by sentence): over a stream the state would add up "
            "without end.",
            _LSTM,
        )
    lr = USUAL_LR if training is None else training.lr
    clipped = training is not None and training.clip is not None
    changes = {"by": "sentence", "init": with_start(evidence, weight_hh="identity", bias="0")}
    return Remedy(
        "Start the recurrent weights as the identity, with biases 0: each unit then keeps its state. As a ReLU bounds "
        "nothing, clip the gradient, and learn ten times as slowly. An LSTM or a GRU remembers as long, and is easier to "
        "train.",
        {**changes, **({} if clipped else {"clip-norm": 1}), "lr": plain(lr * _SLOWLY)},
    )
