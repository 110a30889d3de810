"""What follows an update that went wrong: it is examined, kept, and answered as `on_incident` says."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from throughtime.data.batch import Batch
from throughtime.errors import DivergedError, RunError
from throughtime.networks.faults import Fault
from throughtime.training.divergence import jump, report
from throughtime.training.events import Action, IncidentMet, Stopped
from throughtime.training.incidents import Incident, save_incident
from throughtime.training.snapshots import restore

if TYPE_CHECKING:
    from throughtime.training.loop import Training

# An examination goes step by step, and its file has a batch and two sets of weights: so many of them tell enough.
_EXAMINED = 20
_SKIPS_IN_A_ROW = 10
_ROLLBACKS = 5


class RolledBack(Exception):  # it is no error
    """The run is as it was at an earlier checkpoint."""


def respond(
    training: "Training", batch: Batch, wrong: str | None, norm: float | None, random: dict[str, Any] | None
) -> bool:
    """Answer an update that must not be made as it is.

    Parameters
    ----------
    training : Training
        Just before the update.
    batch : Batch
        What it read.
    wrong : str or None
        What is not finite or absurd, found and expected; None where the gradient's norm has only jumped.
    norm : float or None
        The gradient's; None if the loss alone was wrong.
    random : dict or None
        The state of dropout's generator before its masks were drawn; None without dropout.

    Returns
    -------
    bool
        Whether the update is to be made after all.

    Raises
    ------
    DivergedError
        Training ends.
    RolledBack
        It goes on from an earlier checkpoint.
    """
    course = training.course
    step = course.step + 1
    action = _action(training, jumped=wrong is None)
    course.incidents += 1
    fault, path = None, None
    if course.incidents <= _EXAMINED:
        fault, path = _examined(training, batch, norm, random)
    elif action == "recorded":
        return True
    if wrong is None:
        assert norm is not None
        wrong = jump(norm, training.watch.usual)
    kept = str(training.kept) if action == "stop" else None
    if action == "stop":
        wrong += _tried(training)
    line = report(step, wrong, training.plan, training.optimizer.lr, course.last, kept, fault, path)
    if action == "stop":
        training.emit(IncidentMet(step, line, action, path))
        stop(training, line)
    if action == "rollback":
        roll_back(training)
    if action == "skip":
        course.step += 1
        course.batch += 1
        course.skipped += 1
        course.skipped_in_a_row += 1
        training.state = None  # what it has become is as bad as what it led to
    training.emit(IncidentMet(step, line, action, path))
    if action == "rollback":
        raise RolledBack
    return action == "recorded"


def stop(training: "Training", line: str) -> None:
    """End training, for what the line says."""
    training.emit(Stopped(training.course.step, line, True, training.path))
    raise DivergedError(line)


def may_roll_back(training: "Training") -> bool:
    """Whether going back is wanted, and has not been tried too often."""
    return training.plan.on_incident == "rollback" and training.course.rollbacks < _ROLLBACKS


def roll_back(training: "Training") -> None:
    """Be as at the last good checkpoint, with half the learning rate."""
    rollbacks, incidents = training.course.rollbacks, training.course.incidents
    restore(training, training.last_proved())
    training.saved = None  # none holds the rate that is halved now
    training.course.rollbacks, training.course.incidents = rollbacks + 1, incidents


def _action(training: "Training", jumped: bool) -> Action:
    plan, course = training.plan, training.course
    # A jump is finite: clipping has bounded it, and without clipping many a run recovers by itself.
    if jumped and (plan.clip is not None or plan.on_incident == "stop"):
        return "recorded"
    if plan.on_incident == "skip" and course.skipped_in_a_row < _SKIPS_IN_A_ROW:
        return "skip"
    return "rollback" if may_roll_back(training) else "stop"


def _tried(training: "Training") -> str:
    """What was done before training ended after all."""
    course = training.course
    if course.skipped_in_a_row:
        return f", after {course.skipped_in_a_row} updates in a row were left out"
    if course.rollbacks:
        return f", after going back {course.rollbacks} times, from a learning rate of {training.base_lr:g}"
    return ""


def _examined(
    training: "Training", batch: Batch, norm: float | None, random: dict[str, Any] | None
) -> tuple[Fault, Path | None]:
    """Run the update's step again with every value checked, and keep it on the disk."""
    plan, course = training.plan, training.course
    before, before_step = training.kept.params, training.kept.step
    if training.checkpoints is not None:
        with suppress(RunError):  # none is whole: the kept weights will do, and the incident must be told
            snapshot = training.last_proved()
            before, before_step = snapshot.part("weights"), snapshot.step
    incident = Incident(
        step=course.step + 1,
        params=training.model.params,
        inputs=batch.inputs,
        targets=batch.targets,
        truncation=plan.within_update,
        reduction=plan.reduction,
        state=None if batch.fresh else training.state,
        lengths=batch.lengths,
        before=before,
        before_step=before_step,
        random=random,
        lr=training.optimizer.lr,
        clip=None if plan.clip is None else str(plan.clip),
        norm=norm,
        usual_norm=training.watch.usual,
    )
    fault = incident.examine(training.model)
    path = None if training.path is None else save_incident(training.path, incident, fault)
    return fault, path
