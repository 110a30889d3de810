"""What follows an update that went wrong: it is examined, kept, and answered as `on_incident` says."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from throughtime.data.batch import Batch
from throughtime.errors import DivergedError, RunError
from throughtime.networks.faults import Fault
from throughtime.training.divergence import jump, report
from throughtime.training.events import Action, IncidentMet, Listener, Stopped
from throughtime.training.incidents import Incident, save_incident
from throughtime.training.run_state import RunState
from throughtime.training.safekeeping import Safekeeping

# An examination goes step by step, and its file has a batch and two sets of weights: so many of them tell enough.
_EXAMINED = 20
_SKIPS_IN_A_ROW = 10
_ROLLBACKS = 5


class RolledBack(Exception):  # it is no error
    """The run is as it was at an earlier checkpoint."""


class Response:
    """Answers what goes wrong in one run.

    Parameters
    ----------
    run : RunState
    checkpoints : Safekeeping
    emit : callable
        Told of each incident.
    """

    def __init__(self, run: RunState, checkpoints: Safekeeping, emit: Listener) -> None:
        self._run, self._checkpoints, self._emit = run, checkpoints, emit

    def to_update(
        self, batch: Batch, wrong: str | None, norm: float | None, masks_state: dict[str, Any] | None
    ) -> bool:
        """Answer an update that must not be made as it is.

        Parameters
        ----------
        batch : Batch
            What it read.
        wrong : str or None
            What is not finite or absurd, found and expected; None where the gradient's norm has only jumped.
        norm : float or None
            The gradient's; None if the loss alone was wrong.
        masks_state : dict or None
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
        run, course = self._run, self._run.course
        step = course.step + 1
        action = self._action(jumped=wrong is None)
        course.incidents += 1
        fault, path = None, None
        if course.incidents <= _EXAMINED:
            fault, path = self._examined(batch, norm, masks_state)
        elif action == "recorded":
            return True
        if wrong is None:
            assert norm is not None
            wrong = jump(norm, run.watch.usual)
        if action == "skip":
            course.skip(batch)
            run.carried = None  # what it has become is as bad as what it led to
        self._act(step, wrong, action, fault, path)
        return action == "recorded"

    def to_evaluation(self, wrong: str | None) -> None:
        """Answer what an evaluation has shown of the updates before it; None is fine.

        Raises
        ------
        DivergedError, RolledBack
            As `to_update` raises them.
        """
        if wrong is not None:
            action: Action = "rollback" if self._may_roll_back() else "stop"
            self._act(self._run.course.step, wrong, action, None, None)

    def _act(self, step: int, wrong: str, action: Action, fault: Fault | None, path: Path | None) -> None:
        run, course = self._run, self._run.course
        ends = action == "stop"
        if ends:
            wrong += self._tried()
        kept = str(run.kept) if ends else None
        line = report(step, wrong, run.plan, run.plan.optimizer.lr, course.last, kept, fault, path)
        if action == "rollback":
            self._checkpoints.roll_back()
        self._emit(IncidentMet(step, line, action, path))
        if ends:
            self._emit(Stopped(course.step, line, True, run.path))
            raise DivergedError(line)
        if action == "rollback":
            raise RolledBack

    def _action(self, jumped: bool) -> Action:
        plan, course = self._run.plan, self._run.course
        # A jump is finite: clipping has bounded it, and without clipping many a run recovers by itself.
        if jumped and (plan.clip is not None or plan.on_incident == "stop"):
            return "recorded"
        if plan.on_incident == "skip" and course.skipped_in_a_row < _SKIPS_IN_A_ROW:
            return "skip"
        return "rollback" if self._may_roll_back() else "stop"

    def _may_roll_back(self) -> bool:
        """Whether going back is wanted, and has not been tried too often."""
        return self._run.plan.on_incident == "rollback" and self._run.course.rollbacks < _ROLLBACKS

    def _tried(self) -> str:
        """What was done before training ended after all."""
        course = self._run.course
        if course.skipped_in_a_row:
            return f", after {course.skipped_in_a_row} updates in a row were left out"
        if course.rollbacks:
            return (
                f", after going back {course.rollbacks} times, from a learning rate of {self._run.base_lr:g}"
            )
        return ""

    def _examined(
        self, batch: Batch, norm: float | None, masks_state: dict[str, Any] | None
    ) -> tuple[Fault, Path | None]:
        """Run the update's step again with every value checked, and keep it on the disk."""
        run, plan = self._run, self._run.plan
        before, before_step = run.kept.params, run.kept.step
        with suppress(RunError):  # none is whole: the kept weights will do, and the incident must be told
            snapshot = self._checkpoints.last_proved()
            before, before_step = snapshot.part("weights"), snapshot.step
        incident = Incident(
            step=run.course.step + 1,
            params=run.model.params,
            inputs=batch.inputs,
            targets=batch.targets,
            truncation=plan.within_update,
            reduction=plan.reduction,
            state=None if batch.fresh else run.carried,
            lengths=batch.lengths,
            before=before,
            before_step=before_step,
            random=masks_state,
            lr=plan.optimizer.lr,
            clip=None if plan.clip is None else str(plan.clip),
            norm=norm,
            usual_norm=run.watch.usual,
        )
        fault = incident.examine(run.model)
        return fault, None if run.path is None else save_incident(run.path, incident, fault)
