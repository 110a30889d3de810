"""A run between two updates: all that a checkpoint holds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from throughtime.initial import recorded_generator
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.optim import AveragedWeights, NonMonotone
from throughtime.training.adapting import Adapting
from throughtime.training.checkpoint import Snapshot
from throughtime.training.continuing import settled
from throughtime.training.course import Course
from throughtime.training.evaluate import Evaluation
from throughtime.training.kept import Kept
from throughtime.training.material import Material
from throughtime.training.metrics import Metrics
from throughtime.training.norm_watch import NormWatch
from throughtime.training.plan import Plan
from throughtime.training.probe_cost import affordable_interval
from throughtime.truncation import Auto


class RunState:
    """What changes from update to update; `snapshot` and `restore` name each part once.

    Attributes
    ----------
    model, plan, path, metrics : as they were given
    settings : dict
        What the run's updates depend on; see `throughtime.training.continuing.settled`.
    steps, steps_per_epoch : int
        Updates planned in all, and in one epoch.
    validates : bool
        Whether there is a validation text.
    base_lr : float
        What schedule and rollbacks take their shares of.
    course : Course
        All that is a number.
    carried : as the layers' state, or None
        The recurrent state with which the next batch begins.
    kept : Kept
        The best weights.
    averaged : AveragedWeights or None
        Once `trigger` has begun with them.
    watch : NormWatch
    adapting : Adapting or None
        What chooses the truncation, under Auto.
    """

    def __init__(
        self,
        model: LanguageModel,
        plan: Plan,
        material: Material,
        path: Path | None,
        metrics: Metrics,
        config: dict[str, Any],
    ) -> None:
        self.model, self.plan, self.path, self.metrics = model, plan, path, metrics
        self.settings = settled(config)
        self.steps_per_epoch = len(material.train)
        self.steps = plan.steps(self.steps_per_epoch)
        self.validates = material.val is not None
        self.base_lr = plan.optimizer.lr
        val_tokens = material.val.tokens if material.val else 0
        probe_interval = plan.flow_every
        if probe_interval is None:
            probe_interval = affordable_interval(model, material.train, plan, self.steps)
        self.course = Course(
            plan.interval(self.steps_per_epoch, material.train.tokens, val_tokens), probe_interval
        )
        self.adapting: Adapting | None = None
        if isinstance(plan.truncation, Auto) and plan.seq_len:
            self.adapting = Adapting(plan.truncation, plan.seq_len)
        self.carried: State | None = None
        self.kept = Kept(model, path)
        self.trigger = None if plan.average is None else NonMonotone(plan.average)
        self.averaged: AveragedWeights | None = None
        self.watch = NormWatch()
        self._since = time.perf_counter()

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        factor = self.plan.schedule.factor(self.course.step, self.steps, self.steps_per_epoch)
        return self.base_lr * factor * 0.5**self.course.rollbacks

    @property
    def look_back(self) -> int:
        """The steps before its new ones that the batch after the next one is to run again."""
        return self.plan.look_back if self.adapting is None else self.adapting.look_back

    @property
    def chosen(self) -> dict[str, Any] | None:
        """Under Auto the truncation that it has chosen, fit for JSON."""
        choice = None if self.adapting is None else self.adapting.choice
        return None if choice is None else choice.record()

    @property
    def seconds(self) -> float:
        """Spent so far, in all the times that the run was taken up."""
        return self.course.seconds + time.perf_counter() - self._since

    @property
    def masks_state(self) -> dict[str, Any] | None:
        """The state of dropout's generator; None without dropout."""
        dropout = self.model.layers.stack.dropout
        return dict(dropout.rng.bit_generator.state) if dropout.p else None

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
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

    def take_notice(self, loss: float) -> None:
        """Let what follows evaluations hear of one."""
        self.plan.schedule.evaluated(loss)
        if self.trigger is not None and self.trigger.evaluated(loss) and self.averaged is None:
            self.averaged = AveragedWeights(self.model.params)

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here; the arrays are the run's own, not copies."""
        plan, kept, carried = self.plan, self.kept, self.carried
        states = () if carried is None else carried if isinstance(carried, tuple) else (carried,)
        parts: dict[str, dict[str, Array]] = {
            "weights": self.model.params,
            "optimizer": plan.optimizer.state,
            "state": {str(number): array for number, array in enumerate(states)},
            "kept": kept.params,
            "averaged": {} if self.averaged is None else self.averaged.state,
        }
        evaluation = None if kept.evaluation is None else asdict(kept.evaluation)
        self.course.seconds, self._since = self.seconds, time.perf_counter()
        return Snapshot(
            self.course.step,
            {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()},
            {
                "settings": self.settings,
                "course": self.course.record(),
                "kept": {"step": kept.step, "evaluation": evaluation},
                "schedule": plan.schedule.state,
                "clip": {} if plan.clip is None else plan.clip.state,
                "trigger": None if self.trigger is None else self.trigger.state,
                "norms": self.watch.state,
                "truncation": None if self.adapting is None else self.adapting.state,
                "random": self.model.layers.stack.dropout.rng.bit_generator.state,
                "metrics": self.metrics.mark(),
            },
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Be as the run was when the snapshot was taken, its files included."""
        plan, about, kept = self.plan, snapshot.about, self.kept
        self.model.load_params(snapshot.part("weights"))
        plan.optimizer.load(snapshot.part("optimizer"))
        state = snapshot.part("state")
        self.carried = tuple(state[str(number)] for number in range(len(state))) or None
        kept.params, kept.step = snapshot.part("kept"), about["kept"]["step"]
        evaluation = about["kept"]["evaluation"]
        kept.evaluation = None if evaluation is None else Evaluation(**evaluation)
        kept.write()  # those of a later evaluation may lie there
        self.averaged = None
        if averaged := snapshot.part("averaged"):
            self.averaged = AveragedWeights(self.model.params)
            self.averaged.load(averaged)
        self.course = Course.read(about["course"])
        self.course.interval = plan.eval_every or self.course.interval
        if plan.flow_every is not None:
            self.course.probe_interval = plan.flow_every
        self._since = time.perf_counter()
        plan.schedule.load(about["schedule"])
        if plan.clip is not None:
            plan.clip.load(about["clip"])
        if self.trigger is not None:
            self.trigger.load(about["trigger"])
        self.watch.load(about["norms"])
        if self.adapting is not None:
            self.adapting.load(about["truncation"])
        self.model.layers.stack.dropout.rng = recorded_generator(about["random"])
        self.metrics.cut(about["metrics"])
