"""Gradients that are not there: 0 from the start, or too small for the numbers that carry them."""

import numpy as np

from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent

# Of all entries: fewer are no loss.
_LOST = 0.01


def no_gradient(evidence: Evidence) -> Finding | None:
    """A loss that says nothing to the states."""
    if any((norms[:, 0] > 0).any() for norms in evidence.flow.norms.values()):
        return None
    return Finding(
        "no-gradient",
        "problem",
        "At none of the steps that were measured has the loss a gradient at any state.",
        "Nothing is learned from the past, nor from the present, whatever the truncation and the data.",
        "Look at what stands between the state and the loss: a readout whose weights are all 0 passes nothing back, nor does "
        "a loss that is exactly 0.",
    )


def underflow(evidence: Evidence) -> Finding | None:
    """Entries that are lost where the gradient still counts."""
    if not evidence.measured:
        return None
    last = min(int(evidence.horizon), evidence.wanted, len(evidence.flow.lags) - 1)
    shares = np.nan_to_num(evidence.flow.underflow[-1, : last + 1])
    lag = int(np.argmax(shares))
    if shares[lag] < _LOST:
        return None
    tiny = np.finfo(evidence.flow.dtype).tiny
    return Finding(
        "underflow",
        "problem",
        f"At lag {lag}, within the horizon of {lags(evidence.horizon)}, {percent(float(shares[lag]))} of the gradient's "
        f"entries are below {tiny:.1e}, the smallest number that {evidence.flow.dtype} holds in full.",
        "These entries become 0 on the way back, so part of what could be learned is lost to rounding, not to the network.",
        f"Compute in float64, {evidence.flow.spelling.in_float64}; or bring the loss to a usual size: a gradient so small at "
        "its start says that the outputs are scaled down, or that nothing is left to learn.",
    )
