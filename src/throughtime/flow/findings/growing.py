"""Gradients that grow: over lags, and from update to update."""

import math
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from throughtime.flow.findings.command import Changes, command, with_start
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import factor, percent, plain
from throughtime.machine.arrays import Array

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow

# As `throughtime.assert_horizon` has it: where distant lags outweigh the last step tenfold, they are what is learned.
_TENFOLD = 10
# So many norms say what one in a hundred is like.
_ENOUGH = 100
# One update in a hundred so many times as large as usual. In healthy training it is two or three times.
_SPIKE = 5
# Pascanu et al. (2013) clip at half to ten times the average norm; twice leaves the usual update alone.
_CLIP_AT = 2
# Below half the median a clip is out of those bounds; it is told where most updates feel it.
_MOSTLY, _TOO_LOW = 0.5, 0.5
# A learning rate under which gradients came to grow is tried again at so much.
_LESS = 0.5


def exploding(evidence: Evidence) -> Finding | None:
    """A gradient that grows on its way back."""
    if not evidence.measured:
        return None
    flow = evidence.flow
    layer, lag, growth = max(map(_growth, repeat(flow), range(flow.num_layers)), key=lambda found: found[-1])
    if growth <= _TENFOLD:
        return None
    conditions = flow.conditions[layer]
    why = f"; gamma*||W||_2 is {conditions.bound:.3g}, and above 1 it can" if conditions else ""
    where = "" if flow.num_layers == 1 else f" of layer {layer}"
    changes, remedy = _against_growth(evidence)
    return Finding(
        "exploding",
        "problem",
        f"At lag {lag} the gradient{where} is {factor(growth)} times what it was at lag 0{why}.",
        "A few steps far back outweigh all others: updates are large and point where these point, the longer the truncation "
        "the more so, and training is thrown off by single stretches of the data.",
        remedy,
        command(evidence, changes),
    )


def _growth(flow: "GradientFlow", layer: int) -> tuple[int, int, float]:
    """A layer, the lag at which its gradient is largest, and how many times as large as at lag 0.

    Below the top layer a gradient that does not fade grows, too, as more and more paths lead to it, but ever more slowly;
    so there only a curve counts that grows tenfold in its later half alone.
    """
    curve = flow.curve(layer=layer)
    tail = curve.tail()
    if layer + 1 < flow.num_layers and not tail.slope * (tail.last - tail.first) > math.log(_TENFOLD):
        return layer, 0, 0.0
    relative = np.nan_to_num(curve.relative)
    lag = int(np.argmax(relative))
    return layer, lag, float(relative[lag])


def _against_growth(evidence: Evidence) -> tuple[Changes, str]:
    """What to try, in the order of what it costs: a clip, a start that does not stretch, smaller updates."""
    training = evidence.training
    if training is None or training.clip is None:
        theta, why = 1.0, "a usual value to begin with"
        if training is not None and len(training.grad_norms):
            theta, why = _clip_for(training.grad_norms), "twice the median of the last updates"
        return {"clip-norm": theta}, (
            f"Clip the gradient's norm at {theta:g}, {why}: updates keep their direction and stay of a usual size. If the "
            "loss still jumps, lower the learning rate, or start the recurrent weights orthogonal."
        )
    if not evidence.gated and evidence.started("weight_hh") != "orthogonal":
        return {"init": with_start(evidence, weight_hh="orthogonal")}, (
            "Clipping bounds the updates already, but not where they point. Start the recurrent weights orthogonal, so that "
            "they do not stretch what passes through; then try a lower learning rate."
        )
    return {"lr": plain(training.lr * _LESS)}, (
        "Clipping bounds the updates already, but not where they point. Lower the learning rate, so that no update drives "
        "the weights to where gradients grow; or shorten the truncation."
    )


def gradient_spikes(evidence: Evidence) -> Finding | None:
    """Updates far larger than usual, and no clip."""
    training = evidence.training
    if training is None or training.clip is not None or len(training.grad_norms) < _ENOUGH:
        return None
    median, high = np.quantile(training.grad_norms, [0.5, 0.99])
    if median == 0 or high < _SPIKE * median:
        return None
    theta = _clip_for(training.grad_norms)
    return Finding(
        "gradient-spikes",
        "caution",
        f"Of the last {len(training.grad_norms)} updates one in a hundred has a gradient of norm {factor(high)} or more, "
        f"{factor(high / median)} times the median of {median:.2g}, and nothing clips it.",
        "Single stretches of the data move the weights many times as far as usual, and may undo what was learned.",
        f"Clip the gradient's norm at {theta:g}, twice the median: the usual update stays as it is. Or use --clip-norm auto, "
        "which follows the norm.",
        command(evidence, {"clip-norm": theta}),
    )


def always_clipped(evidence: Evidence) -> Finding | None:
    """A clip so low that it sets the size of nearly every update."""
    training = evidence.training
    if training is None or training.theta is None or len(training.grad_norms) < _ENOUGH:
        return None
    median = float(np.median(training.grad_norms))
    if training.clipped_share < _MOSTLY or training.theta >= _TOO_LOW * median:
        return None
    theta = _clip_for(training.grad_norms)
    return Finding(
        "always-clipped",
        "caution",
        f"{percent(training.clipped_share)} of the last {len(training.grad_norms)} updates were clipped at "
        f"{training.theta:g}, where the median norm is {median:.2g}.",
        "The clip, not the gradient, sets the size of an update: a steep stretch counts no more than a flat one, and the "
        "learning rate means something else than it seems to.",
        f"Clip at {theta:g}, twice the median, which leaves the usual update alone; if training then becomes unstable, lower "
        "the learning rate instead.",
        command(evidence, {"clip-norm": theta}),
    )


def _clip_for(norms: Array) -> float:
    """A robust multiple of the usual norm: the median is not moved by spikes."""
    return plain(_CLIP_AT * float(np.median(norms))) or 1.0
