"""Gates that are shut: a memory that keeps nothing."""

from dataclasses import dataclass

import numpy as np

from throughtime.flow.findings.command import command, with_start
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.fading import is_short
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
