"""Training that did not come to its end."""

from throughtime.flow.findings.command import Changes, command
from throughtime.flow.findings.evidence import Evidence
from throughtime.flow.findings.finding import Finding
from throughtime.flow.findings.growing import usual_clip


def diverged(evidence: Evidence) -> Finding | None:
    """Updates that threw the weights to where the loss is no number, or an absurd one."""
    training = evidence.training
    if training is None or training.diverged is None:
        return None
    reason = training.diverged.partition(";")[0]
    known = training.kept_step is not None
    kept = f"those of step {training.kept_step:,}" if known else "not those of its end"
    changes: Changes = {"lr": training.lower_lr}
    clip = ""
    if training.clip is None:
        theta = usual_clip(training.grad_norms)
        changes = {**changes, "clip-norm": theta}
        clip = f" Clip the gradient's norm at {theta:g}, too, so that no single stretch of the data moves the weights far."
    return Finding(
        "diverged",
        "problem",
        f"{reason[:1].upper()}{reason[1:]}. The weights that were measured are {kept}.",
        "The updates were larger than the network bears. How its gradient flows in weights from before is no account of what "
        "went wrong, and the longest truncation would not mend it.",
        f"Lower the learning rate, as to {training.lower_lr:g}, or warm it up.{clip} The report of the incident names the "
        "cause: throughtime replay RUN.",
        command(evidence, changes),
    )
