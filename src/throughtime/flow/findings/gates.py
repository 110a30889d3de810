"""Gates that let go: shut ones, and such as forget long before a loss comes."""

import math
from dataclasses import dataclass

import numpy as np

from throughtime.flow.findings.command import command, with_start
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.fading import SHORT, is_short
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.numbers import lags, percent

# A gate that is shut so much of the time, averaged over units, has hardly one that remembers. GRUs that learn little more
# than pairs of letters come to 0.9.
_SHUT = 0.95
# So little open on average, each step leaves a fifth of the state at most, also where the gate is never quite shut.
_AJAR = 0.2


@dataclass(frozen=True)
class _Gate:
    """The gate that holds a cell's memory."""

    cell: str
    gate: str
    subject: str
    state: str
    because: str

    @property
    def name(self) -> str:
        return f"shut-{self.subject}-gate"


_GATES = (
    _Gate("lstm", "f", "forget", "cell state", "the network then remembers until it learns to forget"),
    _Gate("gru", "z", "update", "state", "the old state then stays until the network learns to replace it"),
)
SHUT_GATES = tuple(gate.name for gate in _GATES)


def shut_gate(evidence: Evidence) -> Finding | None:
    """An LSTM that forgets at once, or a GRU that keeps nothing of its state."""
    known = next((each for each in _GATES if each.cell == evidence.flow.name), None)
    if known is None or not is_short(evidence):
        return None
    found = [layer.gates[known.gate] for layer in evidence.flow.saturation]
    shut = [0.0 if gate.left is None else float(gate.left.mean()) for gate in found]
    layer = int(np.argmin([gate.mean.mean() for gate in found]))
    if shut[layer] < _SHUT and found[layer].mean.max() > _AJAR:
        return None
    gate = known.gate
    return Finding(
        known.name,
        "problem",
        f"The {known.subject} gate {gate} of layer {layer} is below 0.1 for {percent(shut[layer])} of the time, "
        f"{found[layer].mean.mean():.2g} on average; 99% of the gradient lies within {lags(evidence.horizon)}.",
        f"The {known.state} is multiplied by {gate} at each step, and so is its gradient: hardly anything lasts from one "
        f"step to the next, and of the {evidence.wanted_lags} {evidence.horizon} are used.",
        f"Start with a bias of 1 for {gate}: {known.because}.",
        command(evidence, {"init": with_start(evidence, **{f"bias_{gate}": "1"})}),
    )


def forgetting(evidence: Evidence) -> Finding | None:
    """A state that is held for so short that most steps are out of every loss's reach.

    Where each step has its own loss a gated network has time: what is near teaches its gates to hold what is further back.
    """
    if not evidence.gated or not is_short(evidence):
        return None
    flow, wanted = evidence.flow, evidence.wanted
    horizons = [flow.horizon(state=state) for state in flow.norms]  # c may hold what h does not
    longest = max(horizons)
    if any(each.censored for each in horizons) or SHORT * longest > wanted or flow.steps_to_loss <= longest:
        return None
    left = max(float(flow.curve(state).relative[wanted]) for state in flow.norms)
    share = f"a share of {left:.0e}" if left > 0 else "nothing"
    states = f", in {' as in '.join(flow.norms)}" if len(flow.norms) > 1 else ""
    known = next((each for each in _GATES if each.cell == flow.name), None)
    if known is None:
        remedy, code = "Start with its gates open, so that the state passes on by itself.", None
    else:
        bias = max(1, round(math.log(wanted)))
        remedy = (
            f"Start with a bias of {bias} for {known.gate}, the {known.subject} gate: {known.because}. A gate that starts with "
            f"log(K) keeps for about K steps, here {wanted} (Tallec and Ollivier, 2018)."
        )
        code = command(evidence, {"init": with_start(evidence, **{f"bias_{known.gate}": str(bias)})})
    return Finding(
        "forgetting",
        "caution",
        f"Half of the steps have their next loss {flow.steps_to_loss:.0f} steps ahead or more, and 99% of the gradient lies "
        f"within {lags(longest)}{states}; {share} is left at lag {wanted}.",
        "Most of what is read has no part in any update. The gates may learn to hold it, but only as far as something near "
        "the losses teaches them to: what has to be remembered for longer may never be found.",
        remedy,
        code,
    )
