"""Truncations that do not fit the gradient: too short, or longer than it reaches."""

import math
from typing import Any

from throughtime.flow.findings.command import Changes, command
from throughtime.flow.findings.evidence import Evidence, TrainingFacts
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent, rounded_up
from throughtime.truncation import Auto, Chunk, Full, Window

# Every chunk's first losses lose something: at chunk:50 a fifth is lost once the mean lag is about ten steps.
_LOST = 0.2
# Beyond this it is most of the gradient that is lost.
_MOST = 0.5
# What a longer truncation may still leave out of the measured lags: how the curve goes on beyond is not known.
_LEFT_OUT = 0.05
# A look-back or window so many times the horizon is paid for and empty.
_IDLE = 3
# Chunks of ten mean lags lose a tenth of the gradient; five horizons are kept for losses at their ends.
_MEAN_LAGS, _HORIZONS = 10, 5
# Half of such a chunk must be superfluous before it is told: a chunk costs nothing but the updates it delays.
_SUPERFLUOUS = 2


def truncation_too_short(evidence: Evidence) -> Finding | None:
    """A truncation that cuts off a good part of the gradient."""
    training = evidence.training
    if training is None or not evidence.measured or isinstance(training.parsed, Auto):
        return None
    if evidence.lost < _LOST:
        return None
    horizon, edge = evidence.horizon, training.longest
    assert edge is not None  # or nothing would be lost
    beyond = evidence.curve.mass_beyond(edge)
    spec, changes, cost = _longer(training, rounded_up(evidence.curve.horizon(_LEFT_OUT)))
    seen = "the lags that were measured" if horizon.censored else "all lags"
    return Finding(
        "truncation-too-short",
        "problem" if evidence.lost >= _MOST else "caution",
        f"{training.truncation} leaves out {percent(evidence.lost)} of the gradient over {seen}: no loss reaches beyond "
        f"lag {edge}, where {percent(beyond)} lies, and 99% lies within {horizon} lags.",
        "The network carries a gradient further back than training looks: dependencies of the data that are this long bend "
        "no update, or bend it too little.",
        f"Look further back: {spec} {cost}."
        + (" Or let --truncation auto:0.1 choose while training." if training.seq_len is not None else ""),
        command(evidence, changes),
    )


def _longer(training: TrainingFacts, K: int) -> tuple[str, dict[str, Any], str]:
    """A truncation under which every loss reaches K lags back, as options, and what it costs."""
    match training.parsed:
        case Window() if training.seq_len is None or training.seq_len > 2 * K:
            return f"window:{K}", {"truncation": f"window:{K}"}, f"reaches over {K} lags from each step"
        case Chunk(k1=k1):
            new = k1
        case _:
            new = training.seq_len or K
    if training.seq_len is None:  # by sentence, nothing carries over its end
        return "full", {"truncation": "full"}, "goes back to each sentence's start"
    # The look-back is run again with each chunk: at most three times the work.
    new = max(new, math.ceil(K / 2))
    spec = f"chunk:{new},{new + K}"
    times = (new + K) / new
    cost = f"lets every loss reach {K} lags back, for {times:.1f} times the work an update"
    return spec, {"truncation": spec, "seq-len": None}, cost


def truncation_too_long(evidence: Evidence) -> Finding | None:
    """A truncation that reaches many times as far as the gradient of a trained network."""
    training = evidence.training
    if training is None or training.steps == 0 or not evidence.measured or evidence.horizon.censored:
        return None
    found = _shorter(evidence, training)
    if found is None:
        return None
    spec, changes, why = found
    horizon = evidence.horizon
    return Finding(
        "truncation-too-long",
        "caution",
        f"99% of the gradient lies within {lags(horizon)}, and {training.truncation} reaches over {lags(evidence.wanted)}.",
        f"{why} Either the data holds nothing that is worth remembering for longer, or the network has not learned to.",
        f"If what you know of the data says the former, use {spec}. If not, help the network to remember: "
        f"{_help(evidence)}.",
        command(evidence, changes),
    )


def _shorter(evidence: Evidence, training: TrainingFacts) -> tuple[str, Changes, str] | None:
    """A truncation that serves as well, as options, and what the present one wastes; None if it wastes little."""
    K = max(int(evidence.horizon), 1)
    enough = rounded_up(K)
    match training.parsed:
        case Window(k=k) if k >= _IDLE * enough:
            spec = f"window:{enough}"
            waste = f"Each step's gradient goes back {k} lags, and nearly all of them are empty."
            return spec, {"truncation": spec}, waste
        case Chunk(k1=k1, k2=k2) if k2 > k1:
            if k2 - k1 < _IDLE * enough:
                return None
            spec = f"chunk:{k1},{k1 + enough}"
            waste = f"Each update runs {k2} steps to learn from {k1}, {k2 / k1:.2g} times the work of these."
            return spec, {"truncation": spec}, waste
        case Chunk() | Full() if training.seq_len is not None:
            k = training.seq_len
            enough = rounded_up(max(_MEAN_LAGS * evidence.curve.mean_lag, _HORIZONS * K))
            if k < _SUPERFLUOUS * enough:
                return None
            spec = f"chunk:{enough}"
            waste = f"With {enough} steps an update there would be {k / enough:.2g} times as many updates from the same data."
            return spec, {"truncation": spec, "seq-len": None}, waste
    return None


def _help(evidence: Evidence) -> str:
    match evidence.flow.name:
        case "lstm" if evidence.started("bias_f") == "":
            return "--init bias_f=1 starts an LSTM that remembers"
        case "gru" if evidence.started("bias_z") == "":
            return "--init bias_z=1 starts a GRU that remembers"
    return "more units, a lower learning rate and more updates give it time to find what is far apart"
