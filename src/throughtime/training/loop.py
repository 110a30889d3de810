"""The training loop itself: `fit` checks and prepares, this learns."""

import math
import shlex
import time
from contextlib import suppress

import numpy as np

from throughtime.data.batch import Batch
from throughtime.errors import Interrupted, StopTraining
from throughtime.flow.profile import GradientFlow
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.precision import NO_BF16, has_bf16, products_of
from throughtime.machine.workspace import Workspace
from throughtime.networks.omega import decayed
from throughtime.optim import ClipResult, global_norm
from throughtime.training.course import Mean
from throughtime.training.divergence import absurd_gradient, absurd_loss, absurd_weights
from throughtime.training.evaluate import ScoredText
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    Listener,
    Noticed,
    Probed,
    Step,
    Stopped,
)
from throughtime.training.material import Material
from throughtime.training.pace import Pace
from throughtime.training.probe import Probe
from throughtime.training.response import Response, RolledBack
from throughtime.training.run_state import RunState
from throughtime.training.safekeeping import Safekeeping
from throughtime.training.signals import Heard, Signals, listening
from throughtime.training.summary import conclusion, introduction


class Training:
    """The updates of one run, and what comes between them.

    Parameters
    ----------
    run : RunState
        Changed by each update.
    material : Material
        What is learned from and scored.
    tell : callable
        Told of every event.
    resume : bool
        Whether the run goes on from its newest checkpoint.

    Raises
    ------
    RunError
        There is no checkpoint to go on from.
    """

    def __init__(self, run: RunState, material: Material, tell: Listener, resume: bool) -> None:
        self.run, self.material, self._tell = run, material, tell
        self.workspace = Workspace(products_of(run.plan.precision, run.model.dtype))
        # Losses by which weights are chosen are not rounded.
        self.scoring = Workspace() if run.plan.precision == "bf16" else self.workspace
        self.signals = Signals()
        self.asked: str | None = None  # why a callback has ended training
        self.checkpoints = Safekeeping(run, self.emit)
        self.response = Response(run, self.checkpoints, self.emit)
        self.probe = Probe(run.model, material.train, run.plan)
        self.flow: GradientFlow | None = None  # what the last probe has measured, and when
        self.flow_step: int | None = None
        if resume:
            self.checkpoints.take_up()
        else:
            self.checkpoints.start()
        self.resumed_step = run.course.step
        to_come = run.steps - run.course.step
        self.pace = Pace(to_come, -(-to_come // run.course.interval) if run.validates else 0)

    def go(self) -> Finished:
        """Train to the end; whatever ends it, the model is left with the weights that were kept."""
        run = self.run
        self.emit(introduction(run, self.material, self.resumed_step))
        if run.plan.precision == "bf16" and not has_bf16():
            self.emit(Noticed(NO_BF16))
        try:
            # What overflows is found where it matters, and reported once.
            with listening() as self.signals, computing(), np.errstate(over="ignore", invalid="ignore"):
                self._loop()
                self.checkpoints.save()
        except Heard as heard:
            raise self._interrupted(heard.signal) from None
        finally:
            run.kept.restore()
            run.plan.optimizer.lr = run.base_lr  # it is the caller's, who may use it again
        finished = conclusion(run, self.pace.overall, self.early, self.resumed_step)
        self.emit(finished)
        return finished

    def emit(self, event: Event) -> None:
        """Tell everyone; a callback may ask for the end, which then comes between two updates."""
        self.run.metrics(event)
        try:
            self._tell(event)
        except StopTraining as stop:
            self.asked = " ".join(str(stop).split()) or "a callback has stopped it"

    @property
    def early(self) -> str | None:
        """Why training is to end before its last planned update, if it is."""
        worse, patience = self.run.course.worse, self.run.plan.patience
        if self.asked is None and patience is not None and worse >= patience:
            return f"no better evaluation in {worse}"
        return self.asked

    @property
    def idle(self) -> bool:
        """Whether the run was taken up where it had ended, so that nothing was left to do."""
        return 0 < self.resumed_step == self.run.course.step

    # ------------------------------------------------------------ from update to update

    def _loop(self) -> None:
        while True:
            self.flow = None  # of weights that may have been gone back behind
            with suppress(RolledBack):
                self._between_updates()  # what a run was stopped before
                while not self._is_done():
                    self._epoch()
                self._probe_if_due()  # a callback may have ended training after the last update
                if self.flow is None and self.run.course.probed is not None:  # before the run was taken up
                    self.flow, self.flow_step = self.probe.measure(self.run.course.step), self.run.course.step
                self._evaluate_if_due()
                return

    def _epoch(self) -> None:
        """Go through the rest of an epoch."""
        course = self.run.course
        if course.batch == 0:
            course.epoch_loss = Mean()
        for batch in self.material.rest_of_epoch(course, lambda: self.run.look_back):
            self._learn(batch)
            self._between_updates()
            if self._is_done():
                return
        course.end_epoch()

    def _is_done(self) -> bool:
        return self.run.course.step >= self.run.steps or self.early is not None

    def _between_updates(self) -> None:
        self.signals.obey()
        run, every = self.run, self.run.plan.checkpoint_every
        before = run.kept.step
        self._probe_if_due()
        evaluated = self._evaluate_if_due()
        wanted = run.course.step % every == 0 if every else evaluated
        if run.course.step and (wanted or run.kept.step != before):  # the best one has a checkpoint, too
            self.response.to_evaluation(absurd_weights(run.model.params))
            self.checkpoints.save()

    def _learn(self, batch: Batch) -> None:
        start = time.perf_counter()
        run, plan, model, course = self.run, self.run.plan, self.run.model, self.run.course
        plan.optimizer.lr = run.lr
        masks_state = run.masks_state
        result = model.bptt(
            batch.inputs,
            batch.targets,
            truncation=plan.within_update,
            workspace=self.workspace,
            state=None if batch.fresh else run.carried,
            reduction=plan.reduction,
            lengths=batch.lengths,
            training=True,
            carry=batch.carry,
            threads=plan.threads,
            omega=decayed(plan.omega, course.step),
            structured=plan.structured,
        )
        loss = result.loss if plan.reduction == "mean" else result.loss / result.targets
        wrong, found = absurd_loss(loss, model.vocab_size), None
        if wrong is None:
            found = self._clip(result.grads)
            wrong = absurd_gradient(found.norm, result.grads)
        norm = None if found is None else found.norm
        jumped = norm is not None and run.watch.jumped(norm)
        if (wrong or jumped) and not self.response.to_update(batch, wrong, norm, masks_state):
            return
        assert found is not None
        plan.optimizer.step(model.params, result.grads)

        run.carried = result.state
        run.watch.add(found.norm)
        course.count(batch, loss, found.clipped)
        if run.averaged is not None:
            run.averaged.update(model.params)
        pace = self.pace
        pace.step(result.targets, time.perf_counter() - start)
        self.emit(
            Step(
                course.step,
                run.steps,
                course.epoch + 1,
                course.tokens,
                loss,
                found.norm,
                found.clipped,
                plan.optimizer.lr,
                pace.tokens_per_second,
                pace.seconds_left,
            )
        )

    def _clip(self, grads: dict[str, Array]) -> ClipResult:
        if self.run.plan.clip is None:
            return ClipResult(global_norm(grads), clipped=False)
        return self.run.plan.clip.apply(grads)

    # ------------------------------------------------------------ probes and evaluations

    def _probe_if_due(self) -> None:
        """Measure the gradient's flow at the end of each interval, and where training ends half of one or more later.

        There is one before the first update, too, but in runs shorter than an interval. So probes never cost a larger share
        of a run than one does of half an interval, except that Auto has its first one in any run.
        """
        run, course, every = self.run, self.run.course, self.run.course.probe_interval
        if not every or course.probed == course.step:
            return
        planned = course.step % every == 0 and (
            course.step > 0 or run.steps >= every or run.adapting is not None
        )
        ending = self._is_done() and 2 * (course.step - (course.probed or 0)) >= every
        if not (planned or ending) or absurd_weights(run.model.params):  # of which updates will tell
            return
        flow = self.probe.measure(course.step)
        if flow is None:
            return
        self.flow, self.flow_step = flow, course.step
        horizon, half_life = flow.horizon(), flow.half_life
        course.probed, course.horizon, course.censored = course.step, int(horizon), horizon.censored
        course.half_life = half_life if math.isfinite(half_life) else None
        notice = None
        # One that is made because training ends must leave no trace in a run that goes on after all.
        if planned and run.adapting is not None:
            notice = run.adapting.hear(flow.curve())
        self.emit(Probed(course.step, flow.record(), run.chosen))
        if notice is not None:
            self.emit(Noticed(f"step {course.step:,}: {notice}"))

    def _evaluate_if_due(self) -> bool:
        """Evaluate at the end of each interval, and at the end of training."""
        run, course, val = self.run, self.run.course, self.material.val
        planned = course.step % course.interval == 0
        if not (planned or self._is_done()) or course.evaluated == course.step:
            return False
        self.response.to_evaluation(absurd_weights(run.model.params))
        if val is None:
            with run.averaged_weights():
                run.kept.keep(course.step, None)
            course.evaluated = course.step
            if planned and course.interval_loss.tokens:
                run.take_notice(course.interval_loss.value)
                course.interval_loss = Mean()
        else:
            self._evaluate(val, planned)
        return True

    def _evaluate(self, val: ScoredText, planned: bool) -> None:
        run, course = self.run, self.run.course
        start = time.perf_counter()
        with run.averaged_weights():
            found = val.score(run.model, self.scoring, self.signals.obey, run.plan.threads)
        self.response.to_evaluation(absurd_loss(found.loss, run.model.vocab_size, "the validation loss"))
        best = run.kept.is_beaten_by(found)
        if best:
            with run.averaged_weights():
                run.kept.keep(course.step, found)
        course.evaluated = course.step
        # One that is made because training ends must leave no trace in a run that goes on after all.
        if planned:
            course.worse = 0 if best else course.worse + 1
            run.take_notice(found.loss)
        self.pace.evaluation(time.perf_counter() - start)
        self.emit(Evaluated(course.step, found.loss, found.perplexity, found.bits_per_char, best, run.lr))

    def _interrupted(self, signal: int) -> Interrupted:
        """All that was done is kept; what is raised says how to go on."""
        run, step = self.run, self.run.course.step
        if run.kept.evaluation is None and step > run.kept.step and not absurd_weights(run.model.params):
            run.kept.keep(step, None)  # better than those of the start
        self.checkpoints.save()
        self.emit(Stopped(step, f"interrupted at step {step}", False, run.path))
        rest = ""
        if run.path is not None:
            go_on = f"throughtime train --resume --out {shlex.quote(str(run.path))}"
            rest = f"; the run so far lies in {run.path}. Go on with: {go_on}"
        return Interrupted(f"interrupted at step {step}{rest}", signal)
