"""The training loop itself: `fit` checks and prepares, this learns."""

import time
from pathlib import Path

import numpy as np

from throughtime.data.batch import Batch
from throughtime.errors import DivergedError
from throughtime.machine.arrays import Array
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.optim import ClipResult, global_norm
from throughtime.training.directory import WEIGHTS
from throughtime.training.divergence import absurd_gradient, absurd_loss, absurd_weights, report
from throughtime.training.evaluate import Evaluation
from throughtime.training.events import Evaluated, Event, Finished, Listener, Started, Step, Stopped
from throughtime.training.material import Material
from throughtime.training.pace import Pace
from throughtime.training.plan import Plan, describe_clip
from throughtime.training.weights import save_weights


class Kept:
    """The weights to keep: a copy in memory, and on disk if there is a directory."""

    def __init__(self, model: LanguageModel, path: Path | None) -> None:
        self.model, self.path = model, path
        self.evaluation: Evaluation | None = None
        self.keep(0, None)  # so that a run has weights from its first moment

    def keep(self, step: int, evaluation: Evaluation | None) -> None:
        """Keep the model's present weights."""
        params = {name: array.copy(order="K") for name, array in self.model.params.items()}
        self.params: dict[str, Array] = params
        self.step, self.evaluation = step, evaluation
        if self.path is not None:
            about = {"step": step, "val_loss": None if evaluation is None else evaluation.loss}
            save_weights(self.path / WEIGHTS, params, about)

    def restore(self) -> None:
        """Give the model the kept weights."""
        self.model.load_params(self.params)

    def __str__(self) -> str:
        place = "in the model" if self.path is None else f"in {self.path}"
        return f"The weights of step {self.step} are {place}."


class Training:
    """One run of the loop: what changes from step to step."""

    def __init__(
        self,
        model: LanguageModel,
        plan: Plan,
        material: Material,
        path: Path | None,
        listeners: list[Listener],
    ) -> None:
        self.model, self.plan, self.material, self.path, self.listeners = (
            model,
            plan,
            material,
            path,
            listeners,
        )
        self.steps_per_epoch = len(material.train)
        self.steps = plan.steps(self.steps_per_epoch)
        val_tokens = material.val.tokens if material.val else 0
        self.interval = plan.interval(self.steps_per_epoch, material.train.tokens, val_tokens)
        self.pace = Pace(self.steps, -(-self.steps // self.interval) if material.val else 0)
        self.buffers = Buffers()
        self.kept = Kept(model, path)
        self.state: State | None = None
        self.step = self.tokens = 0
        self.last: tuple[int, float] | None = None  # the last finite loss, and its step
        self.epoch_loss, self.interval_loss = Mean(), Mean()

    def run(self) -> Finished:
        """Train to the end; whatever ends it, the model is left with the weights that were kept."""
        start = time.perf_counter()
        self._emit(self._started())
        try:
            # What overflows is found where it matters, and reported once.
            with computing(), np.errstate(over="ignore", invalid="ignore"):
                self._loop()
        except KeyboardInterrupt:
            if self.kept.step == 0 and self.step and absurd_weights(self.model.params) is None:
                self.kept.keep(self.step, None)
            self._emit(Stopped(self.step, f"interrupted at step {self.step}", False, self.path))
            raise
        finally:
            self.kept.restore()
        finished = self._finished(time.perf_counter() - start)
        self._emit(finished)
        return finished

    def _loop(self) -> None:
        for epoch in range(self.plan.epochs):
            self.epoch_loss = Mean()
            for batch in self.material.train.epoch(epoch):
                self._learn(batch, epoch)
                if self.step % self.interval == 0 or self.step == self.steps:
                    self._evaluate()
                if self.step == self.steps:
                    return

    def _learn(self, batch: Batch, epoch: int) -> None:
        start = time.perf_counter()
        plan, model = self.plan, self.model
        result = model.bptt(
            batch.inputs,
            batch.targets,
            truncation=plan.truncation,
            buffers=self.buffers,
            state=None if batch.fresh else self.state,
            reduction=plan.reduction,
            lengths=batch.lengths,
            training=True,
        )
        loss = result.loss if plan.reduction == "mean" else result.loss / result.targets
        self._stop_if(absurd_loss(loss, model.vocab_size), self.step + 1)
        if plan.clip is None:
            found = ClipResult(global_norm(result.grads), clipped=False)
        else:
            found = plan.clip.apply(result.grads)
        self._stop_if(absurd_gradient(found.norm, result.grads), self.step + 1)
        lr = plan.optimizer.lr
        plan.optimizer.step(model.params, result.grads)

        self.state = result.state
        self.step += 1
        self.tokens += result.targets
        self.last = self.step, loss
        self.epoch_loss.add(loss, result.targets)
        self.interval_loss.add(loss, result.targets)
        pace = self.pace
        pace.step(result.targets, time.perf_counter() - start)
        self._emit(
            Step(
                self.step,
                self.steps,
                epoch + 1,
                self.tokens,
                loss,
                found.norm,
                found.clipped,
                lr,
                pace.tokens_per_second,
                pace.seconds_left,
            )
        )

    def _evaluate(self) -> None:
        plan, val = self.plan, self.material.val
        optimizer = plan.optimizer
        self._stop_if(absurd_weights(self.model.params), self.step)
        if val is None:
            self.kept.keep(self.step, None)
            optimizer.lr = plan.schedule.after_evaluation(optimizer.lr, self.interval_loss.value)
            self.interval_loss = Mean()
            return
        start = time.perf_counter()
        found = val.score(self.model, self.buffers)
        self._stop_if(absurd_loss(found.loss, self.model.vocab_size, "the validation loss"), self.step)
        before = self.kept.evaluation
        best = before is None or found.loss < before.loss
        if best:
            self.kept.keep(self.step, found)
        optimizer.lr = plan.schedule.after_evaluation(optimizer.lr, found.loss)
        self.pace.evaluation(time.perf_counter() - start)
        self._emit(
            Evaluated(self.step, found.loss, found.perplexity, found.bits_per_char, best, optimizer.lr)
        )

    def _stop_if(self, wrong: str | None, step: int) -> None:
        if wrong is None:
            return
        plan = self.plan
        line = report(step, wrong, plan.optimizer.lr, describe_clip(plan.clip), self.last, str(self.kept))
        self._emit(Stopped(self.step, line, True, self.path))
        raise DivergedError(line)

    def _started(self) -> Started:
        model, val = self.model, self.material.val
        layers = f"{model.layers.num_layers} layers" if model.layers.num_layers > 1 else "1 layer"
        return Started(
            self.path,
            self.material.name,
            f"{model.settings['cell']}, {layers} of {model.layers.hidden_size}, vocabulary {model.vocab_size}",
            model.num_params,
            self.material.train.tokens,
            val.tokens if val else 0,
            self.steps,
            self.steps_per_epoch,
            val is not None and val.characters is not None,
        )

    def _finished(self, seconds: float) -> Finished:
        found = self.kept.evaluation
        return Finished(
            self.step,
            self.tokens,
            self.epoch_loss.value,
            self.kept.step,
            None if found is None else found.loss,
            None if found is None else found.perplexity,
            None if found is None else found.bits_per_char,
            seconds,
            self.pace.overall,
            self.path,
        )

    def _emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


class Mean:
    """The mean of a loss over tokens."""

    def __init__(self) -> None:
        self.total, self.tokens = 0.0, 0

    def add(self, loss: float, tokens: int) -> None:
        self.total += loss * tokens
        self.tokens += tokens

    @property
    def value(self) -> float:
        return self.total / self.tokens if self.tokens else float("nan")
