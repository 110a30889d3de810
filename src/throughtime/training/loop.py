"""The training loop itself: `fit` checks and prepares, this learns."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.data.batch import Batch
from throughtime.errors import Interrupted, RunError, StopTraining
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.networks.omega import decayed
from throughtime.optim import AveragedWeights, ClipResult, NonMonotone, global_norm
from throughtime.training.checkpoint import Checkpoints, Snapshot
from throughtime.training.continuing import require_settled, settled
from throughtime.training.course import Course, Mean
from throughtime.training.divergence import absurd_gradient, absurd_loss, absurd_weights, report
from throughtime.training.evaluate import ScoredText
from throughtime.training.events import (
    Checkpointed,
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Listener,
    Noticed,
    Step,
    Stopped,
)
from throughtime.training.kept import Kept
from throughtime.training.material import Material
from throughtime.training.metrics import Metrics
from throughtime.training.norm_watch import NormWatch
from throughtime.training.pace import Pace
from throughtime.training.plan import Plan
from throughtime.training.response import RolledBack, may_roll_back, respond, roll_back, stop
from throughtime.training.signals import Signals, listening
from throughtime.training.snapshots import restore, take_snapshot
from throughtime.training.summary import conclusion, introduction


class Heard(Exception):  # it is no error
    """A signal has come, and everything is as it is between two updates."""


class Training:
    """One run: what changes from update to update, and how.

    Between two updates all of it is in a snapshot, from which the run can be taken up again.
    """

    def __init__(
        self,
        model: LanguageModel,
        plan: Plan,
        material: Material,
        path: Path | None,
        metrics: Metrics,
        tell: Listener,
        settings: dict[str, Any],
    ) -> None:
        self.model, self.plan, self.material, self.path = model, plan, material, path
        self.metrics, self.tell, self.settings = metrics, tell, settled(settings)
        self.steps_per_epoch = len(material.train)
        self.steps = plan.steps(self.steps_per_epoch)
        val_tokens = material.val.tokens if material.val else 0
        self.course = Course(plan.interval(self.steps_per_epoch, material.train.tokens, val_tokens))
        self.optimizer = plan.optimizer
        self.base_lr = plan.optimizer.lr
        self.random = model.layers.stack.dropout.rng.bit_generator
        self.buffers = Buffers()
        self.kept = Kept(model, path)
        self.checkpoints = None if path is None else Checkpoints(path, plan.keep_checkpoints)
        self.trigger = None if plan.average is None else NonMonotone(plan.average)
        self.averaged: AveragedWeights | None = None
        self.watch = NormWatch()
        self.state: State | None = None
        self.saved: tuple[int, int] | None = None  # the step of the last checkpoint, and of its evaluation
        self.asked: str | None = None  # why a callback has ended training
        self.resumed_step = 0
        self.pace = Pace(0, 0)
        self.signals = Signals()
        self.started = time.perf_counter()

    # ------------------------------------------------------------ from the start to the end

    def start(self) -> None:
        """Keep the model as it is before its first update, so that a run has weights and a checkpoint from the first."""
        if self.checkpoints is not None:
            self.checkpoints.directory.mkdir(exist_ok=True)  # whose it is, should this be cut short
        self.kept.keep(0, None)
        self._checkpoint()

    def take_up(self) -> None:
        """Go on from the newest checkpoint that is whole.

        Raises
        ------
        RunError
            None is.
        """
        assert self.checkpoints is not None
        found = self._newest()
        require_settled(self.checkpoints.path(found.step), self.settings, found.about["settings"])
        restore(self, found)
        self.saved = self.course.step, self.course.evaluated
        self.resumed_step = found.step

    def run(self) -> Finished:
        """Train to the end; whatever ends it, the model is left with the weights that were kept."""
        course = self.course
        self.started = time.perf_counter() - course.seconds
        evaluations = -(-(self.steps - course.step) // course.interval) if self.material.val else 0
        self.pace = Pace(self.steps - course.step, evaluations)
        self.emit(introduction(self))
        try:
            # What overflows is found where it matters, and reported once.
            with listening() as self.signals, computing(), np.errstate(over="ignore", invalid="ignore"):
                self._loop()
                self._checkpoint()
        except Heard:
            assert self.signals.heard is not None
            raise self._interrupted(self.signals.heard) from None
        finally:
            self.kept.restore()
            self.optimizer.lr = self.base_lr  # it is the caller's, who may use it again
        finished = conclusion(self)
        self.emit(finished)
        return finished

    def _loop(self) -> None:
        while True:
            with suppress(RolledBack):
                self._between_updates()  # what a run was stopped before
                while not self._is_done():
                    self._epoch()
                self._evaluate_if_due()  # a callback may have ended training after the last one
                return

    def _epoch(self) -> None:
        """Go through the rest of an epoch."""
        if self.course.batch == 0:
            self.course.epoch_loss = Mean()
        for batch in self.material.train.epoch(self.course.epoch, self.course.batch):
            self._learn(batch)
            self._between_updates()
            if self._is_done():
                return
        self.course.epoch, self.course.batch = self.course.epoch + 1, 0

    @property
    def early(self) -> str | None:
        """Why training is to end before its last planned update, if it is."""
        worse, patience = self.course.worse, self.plan.patience
        if self.asked is None and patience is not None and worse >= patience:
            return f"no better evaluation in {worse}"
        return self.asked

    def _is_done(self) -> bool:
        return self.course.step >= self.steps or self.early is not None

    def _between_updates(self) -> None:
        self._obey()
        every = self.plan.checkpoint_every
        before = self.kept.step
        evaluated = self._evaluate_if_due()
        wanted = self.course.step % every == 0 if every else evaluated
        if self.course.step and (wanted or self.kept.step != before):  # the best one has a checkpoint, too
            self._require_sane(absurd_weights(self.model.params))
            self._checkpoint()

    # ------------------------------------------------------------ one update

    def _learn(self, batch: Batch) -> None:
        start = time.perf_counter()
        plan, model, course = self.plan, self.model, self.course
        self.optimizer.lr = self._lr()
        random = dict(self.random.state) if model.layers.stack.dropout.p else None
        result = model.bptt(
            batch.inputs,
            batch.targets,
            truncation=plan.within_update,
            buffers=self.buffers,
            state=None if batch.fresh else self.state,
            reduction=plan.reduction,
            lengths=batch.lengths,
            training=True,
            carry=batch.carry,
            threads=plan.threads,
            omega=decayed(plan.omega, course.step),
        )
        loss = result.loss if plan.reduction == "mean" else result.loss / result.targets
        wrong, found = absurd_loss(loss, model.vocab_size), None
        if wrong is None:
            found = self._clip(result.grads)
            wrong = absurd_gradient(found.norm, result.grads)
        norm = None if found is None else found.norm
        jumped = norm is not None and self.watch.jumped(norm)
        if (wrong or jumped) and not respond(self, batch, wrong, norm, random):
            return
        assert found is not None
        self.optimizer.step(model.params, result.grads)

        self.state = result.state
        self.watch.add(found.norm)
        course.step += 1
        course.batch += 1
        course.tokens += result.targets
        course.clipped += found.clipped
        course.skipped_in_a_row = 0
        course.last = course.step, loss
        course.epoch_loss.add(loss, result.targets)
        course.interval_loss.add(loss, result.targets)
        if self.averaged is not None:
            self.averaged.update(model.params)
        pace = self.pace
        pace.step(result.targets, time.perf_counter() - start)
        self.emit(
            Step(
                course.step,
                self.steps,
                course.epoch + 1,
                course.tokens,
                loss,
                found.norm,
                found.clipped,
                self.optimizer.lr,
                pace.tokens_per_second,
                pace.seconds_left,
            )
        )

    def _clip(self, grads: dict[str, Array]) -> ClipResult:
        if self.plan.clip is None:
            return ClipResult(global_norm(grads), clipped=False)
        return self.plan.clip.apply(grads)

    def _lr(self) -> float:
        """The learning rate of the next update."""
        factor = self.plan.schedule.factor(self.course.step, self.steps, self.steps_per_epoch)
        return self.base_lr * factor * 0.5**self.course.rollbacks

    # ------------------------------------------------------------ evaluations

    def _evaluate_if_due(self) -> bool:
        """Evaluate at the end of each interval, and at the end of training."""
        course, val = self.course, self.material.val
        planned = course.step % course.interval == 0
        if not (planned or self._is_done()) or course.evaluated == course.step:
            return False
        self._require_sane(absurd_weights(self.model.params))
        if val is None:
            with self._averaged_weights():
                self.kept.keep(course.step, None)
            course.evaluated = course.step
            if planned and course.interval_loss.tokens:
                self._take_notice(course.interval_loss.value)
                course.interval_loss = Mean()
        else:
            self._evaluate(val, planned)
        return True

    def _evaluate(self, val: ScoredText, planned: bool) -> None:
        course = self.course
        start = time.perf_counter()
        with self._averaged_weights():
            found = val.score(self.model, self.buffers, self._obey, self.plan.threads)
        self._require_sane(absurd_loss(found.loss, self.model.vocab_size, "the validation loss"))
        best = self.kept.is_beaten_by(found)
        if best:
            with self._averaged_weights():
                self.kept.keep(course.step, found)
        course.evaluated = course.step
        # One that is made because training ends must leave no trace in a run that goes on after all.
        if planned:
            course.worse = 0 if best else course.worse + 1
            self._take_notice(found.loss)
        self.pace.evaluation(time.perf_counter() - start)
        self.emit(Evaluated(course.step, found.loss, found.perplexity, found.bits_per_char, best, self._lr()))

    def _take_notice(self, loss: float) -> None:
        """Let what follows evaluations hear of one."""
        self.plan.schedule.evaluated(loss)
        if self.trigger is not None and self.trigger.evaluated(loss) and self.averaged is None:
            self.averaged = AveragedWeights(self.model.params)

    def _require_sane(self, wrong: str | None) -> None:
        """Go back, or end training, where an evaluation shows that the updates before it have gone wrong."""
        if wrong is None:
            return
        step = self.course.step
        goes_on = may_roll_back(self)
        kept = None if goes_on else str(self.kept)
        line = report(step, wrong, self.plan, self.optimizer.lr, self.course.last, kept, None, None)
        if not goes_on:
            stop(self, line)
        roll_back(self)
        self.emit(IncidentMet(step, line, "rollback", None))
        raise RolledBack

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """The model with the averaged weights, where there are any, while the block runs."""
        if self.averaged is None or not self.averaged.count:
            yield
            return
        present = {name: array.copy(order="K") for name, array in self.model.params.items()}
        self.model.load_params(self.averaged.params)
        try:
            yield
        finally:
            self.model.load_params(present)

    # ------------------------------------------------------------ stopping, and going on

    def _obey(self) -> None:
        """Leave the loop where a signal has asked for it."""
        if self.signals.heard is not None:
            raise Heard

    def _interrupted(self, signal: int) -> Interrupted:
        """All that was done is kept; what is raised says how to go on."""
        step = self.course.step
        if self.kept.evaluation is None and step > self.kept.step and not absurd_weights(self.model.params):
            self.kept.keep(step, None)  # better than those of the start
        self._checkpoint()
        self.emit(Stopped(step, f"interrupted at step {step}", False, self.path))
        rest = ""
        if self.path is not None:
            go_on = f"throughtime train --resume --out {shlex.quote(str(self.path))}"
            rest = f"; the run so far lies in {self.path}. Go on with: {go_on}"
        return Interrupted(f"interrupted at step {step}{rest}", signal)

    def last_proved(self) -> Snapshot:
        """The newest checkpoint whose weights an evaluation or a later update has found good.

        One that was written just before an update went wrong may hold what made it go wrong.
        """
        course = self.course
        evaluated = course.evaluated if self.material.val is not None else 0
        return self._newest(max(course.step - 1, evaluated))

    def _newest(self, last: int | None = None) -> Snapshot:
        """The newest checkpoint that is whole, of the step `last` or before."""
        assert self.checkpoints is not None
        found, damage = self.checkpoints.newest(last)
        if found is None:
            reason = damage[0] if damage else f"{self.checkpoints.directory} holds no checkpoint"
            raise RunError(
                f"{reason.partition(';')[0]}; expected one to go on from, and there is no other. Put a copy of one back, or "
                "train again in another directory."
            )
        for line in damage:
            self.emit(Noticed(f"{line.partition(';')[0]}: step {found.step} is gone on from instead."))
        return found

    def _checkpoint(self) -> None:
        course = self.course
        here = course.step, course.evaluated
        if self.checkpoints is None or self.saved == here:
            return
        course.seconds = time.perf_counter() - self.started
        path = self.checkpoints.save(take_snapshot(self), self.kept.step)
        self.saved = here
        self.emit(Checkpointed(course.step, path))

    def emit(self, event: Event) -> None:
        """Tell everyone; a callback may ask for the end, which then comes between two updates."""
        self.metrics(event)
        try:
            self.tell(event)
        except StopTraining as stop:
            self.asked = " ".join(str(stop).split()) or "a callback has stopped it"
