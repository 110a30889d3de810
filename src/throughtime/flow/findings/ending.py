"""Training that did not come to its end."""

from throughtime.flow.findings.command import Changes, command
from throughtime.flow.findings.evidence import USUAL_LR, Evidence, TrainingFacts
from throughtime.flow.findings.fading import Remedy, relu_remedy
from throughtime.flow.findings.finding import Finding

# A usual value to begin with.
_THETA = 1


def diverged(evidence: Evidence) -> Finding | None:
    """Updates that threw the weights to where the loss is no number, or an absurd one."""
    training = evidence.training
    if training is None or training.diverged is None:
        return None
    reason = training.diverged.partition(";")[0]
    known = training.kept_step is not None
    kept = f"those of step {training.kept_step:,}" if known else "not those of its end"
    remedy = _remedy(evidence, training)
    return Finding(
        "diverged",
        "problem",
        f"{reason[:1].upper()}{reason[1:]}. The weights that were measured are {kept}.",
        "The updates were larger than the network bears. How its gradient flows in weights from before is no account of what "
        "went wrong, and another truncation would not mend it.",
        remedy.words,
        command(evidence, remedy.changes),
    )


def _remedy(evidence: Evidence, training: TrainingFacts) -> Remedy:
    """Smaller updates; where a state adds up without end these would not help."""
    adds_up = "relu" in evidence.activations and evidence.started("weight_hh") == "identity"
    if adds_up and training.seq_len is not None:
        remedy = relu_remedy(evidence)
        return remedy._replace(changes={**remedy.changes, "lr": min(training.lr, USUAL_LR)})
    changes: Changes = {"lr": training.lower_lr}
    clip = ""
    if training.clip is None:
        # The norms of updates that went out of hand say nothing of usual ones.
        changes = {**changes, "clip-norm": _THETA}
        clip = f" Clip the gradient's norm at {_THETA:g}, too, so that no single stretch of the data moves the weights far."
    return Remedy(f"Lower the learning rate, as to {training.lower_lr:g}, or warm it up.{clip}", changes)
