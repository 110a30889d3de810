"""When a run's checkpoints are written, and which of them is gone back to."""

from throughtime.errors import RunError
from throughtime.training.checkpoint import Checkpoints, Snapshot
from throughtime.training.continuing import require_settled
from throughtime.training.events import Checkpointed, Listener, Noticed
from throughtime.training.run_state import RunState


class Safekeeping:
    """The checkpoints of one run; without a directory there are none, and `save` does nothing.

    Parameters
    ----------
    run : RunState
    emit : callable
        Told of each checkpoint, and of those that are damaged.
    """

    def __init__(self, run: RunState, emit: Listener) -> None:
        self._run, self._emit = run, emit
        self._checkpoints = None if run.path is None else Checkpoints(run.path, run.plan.keep_checkpoints)
        self._saved: tuple[int, int] | None = None  # the step of the last checkpoint, and of its evaluation

    def start(self) -> None:
        """Keep the model as it is before its first update, so that a run has weights and a checkpoint from the first."""
        if self._checkpoints is not None:
            self._checkpoints.directory.mkdir(exist_ok=True)  # whose it is, should this be cut short
        self._run.kept.keep(0, None)
        self.save()

    def save(self) -> None:
        """Write a checkpoint, unless the last one was written here."""
        course = self._run.course
        here = course.step, course.evaluated
        if self._checkpoints is None or self._saved == here:
            return
        path = self._checkpoints.save(self._run.snapshot(), self._run.kept.step)
        self._saved = here
        self._emit(Checkpointed(course.step, path))

    def take_up(self) -> None:
        """Go on from the newest checkpoint that is whole.

        Raises
        ------
        RunError
            None is, or it was made with other settings.
        """
        assert self._checkpoints is not None
        found = self._newest()
        require_settled(self._checkpoints.path(found.step), self._run.settings, found.about["settings"])
        self._run.restore(found)
        self._saved = self._run.course.step, self._run.course.evaluated

    def roll_back(self) -> None:
        """Be as at the last good checkpoint, with half the learning rate."""
        run = self._run
        rollbacks, incidents = run.course.rollbacks, run.course.incidents
        run.restore(self.last_proved())
        run.course.rollbacks, run.course.incidents = rollbacks + 1, incidents
        self._saved = None  # none holds the rate that is halved now

    def last_proved(self) -> Snapshot:
        """The newest checkpoint whose weights an evaluation or a later update has found good.

        One that was written just before an update went wrong may hold what made it go wrong.

        Raises
        ------
        RunError
            None is whole.
        """
        course = self._run.course
        evaluated = course.evaluated if self._run.validates else 0
        return self._newest(max(course.step - 1, evaluated))

    def _newest(self, last: int | None = None) -> Snapshot:
        """The newest checkpoint that is whole, of the step `last` or before."""
        if self._checkpoints is None:
            raise RunError(
                "the run has no directory; expected one, where its checkpoints are. Pass out=PATH."
            )
        found, damage = self._checkpoints.newest(last)
        if found is None:
            reason = damage[0] if damage else f"{self._checkpoints.directory} holds no checkpoint"
            raise RunError(
                f"{reason.partition(';')[0]}; expected one to go on from, and there is no other. Put a copy of one back, or "
                "train again in another directory."
            )
        for line in damage:
            self._emit(Noticed(f"{line.partition(';')[0]}: step {found.step} is gone on from instead."))
        return found
