"""All rules, in the order in which what they find matters."""

from throughtime.flow.findings.cutting import truncation_too_long, truncation_too_short
from throughtime.flow.findings.ending import diverged
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.fading import vanishing
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.gates import SHUT_GATES, forgetting, shut_gate
from throughtime.flow.findings.growing import always_clipped, exploding, gradient_spikes
from throughtime.flow.findings.losing import no_gradient, underflow
from throughtime.flow.findings.units import dead_units, saturated_units

_RULES = (
    diverged,
    no_gradient,
    exploding,
    saturated_units,
    dead_units,
    shut_gate,
    forgetting,
    vanishing,
    underflow,
    truncation_too_short,
    truncation_too_long,
    gradient_spikes,
    always_clipped,
)
_FADING = {"saturated-units", "dead-units", "vanishing", "forgetting", *SHUT_GATES}
# One illness has one finding: by name, those beside which it would only be told again.
_EXPLAINED_BY = {
    "saturated-units": {"exploding"},
    "vanishing": {"saturated-units", "dead-units"},
    "forgetting": set(SHUT_GATES),
    "truncation-too-short": {"exploding"},
    "truncation-too-long": _FADING,
    "gradient-spikes": {"exploding"},
}


def find(evidence: Evidence) -> list[Finding]:
    """What stands out, problems first, the most important first.

    A healthy network has none: its gradient neither grows tenfold nor fades within half of the lags that training
    reaches over, or it has gates that are not shut and so can learn to hold it; its units move; its truncation sees
    four fifths of the gradient; its updates are of one size. So a fresh LSTM or GRU is healthy, although its gradient
    is short, where losses come so often that they reach most steps; and a fresh tanh network under the usual truncation is not: its weights let no gradient through, and
    nothing in it can learn to.
    """
    found = [finding for rule in _RULES if (finding := rule(evidence)) is not None]
    names = {finding.name for finding in found}
    if found and found[0].name == "diverged":  # of weights from before nothing follows for the run
        return found[:1]
    told = [finding for finding in found if not _EXPLAINED_BY.get(finding.name, set()) & names]
    return sorted(told, key=lambda finding: finding.severity != "problem")
