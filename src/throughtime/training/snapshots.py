"""A run as a snapshot, and a snapshot as the run that it was taken of."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from throughtime.initial import recorded_generator
from throughtime.machine.arrays import Array
from throughtime.optim import AveragedWeights
from throughtime.training.checkpoint import Snapshot
from throughtime.training.course import Course
from throughtime.training.evaluate import Evaluation

if TYPE_CHECKING:
    from throughtime.training.loop import Training


def take_snapshot(training: "Training") -> Snapshot:
    """All that is needed to go on from here; the arrays are the run's own, not copies."""
    plan, kept, trigger, averaged = training.plan, training.kept, training.trigger, training.averaged
    state = training.state
    states = () if state is None else state if isinstance(state, tuple) else (state,)
    parts: dict[str, dict[str, Array]] = {
        "weights": training.model.params,
        "optimizer": plan.optimizer.state,
        "state": {str(number): array for number, array in enumerate(states)},
        "kept": kept.params,
        "averaged": {} if averaged is None else averaged.state,
    }
    evaluation = None if kept.evaluation is None else asdict(kept.evaluation)
    return Snapshot(
        training.course.step,
        {f"{part}/{name}": array for part, arrays in parts.items() for name, array in arrays.items()},
        {
            "settings": training.settings,
            "course": training.course.record(),
            "kept": {"step": kept.step, "evaluation": evaluation},
            "schedule": plan.schedule.state,
            "clip": {} if plan.clip is None else plan.clip.state,
            "trigger": None if trigger is None else trigger.state,
            "norms": training.watch.state,
            "random": training.random.state,
            "metrics": training.metrics.mark(),
        },
    )


def restore(training: "Training", snapshot: Snapshot) -> None:
    """Be as the run was when the snapshot was taken, its files included."""
    plan, about, kept = training.plan, snapshot.about, training.kept
    training.model.load_params(snapshot.part("weights"))
    plan.optimizer.load(snapshot.part("optimizer"))
    state = snapshot.part("state")
    training.state = tuple(state[str(number)] for number in range(len(state))) or None
    kept.params, kept.step = snapshot.part("kept"), about["kept"]["step"]
    evaluation = about["kept"]["evaluation"]
    kept.evaluation = None if evaluation is None else Evaluation(**evaluation)
    kept.write()  # those of a later evaluation may lie there
    training.averaged = None
    if averaged := snapshot.part("averaged"):
        training.averaged = AveragedWeights(training.model.params)
        training.averaged.load(averaged)
    training.course = Course.read(about["course"])
    training.course.interval = plan.eval_every or training.course.interval
    plan.schedule.load(about["schedule"])
    if plan.clip is not None:
        plan.clip.load(about["clip"])
    if training.trigger is not None:
        training.trigger.load(about["trigger"])
    training.watch.load(about["norms"])
    dropout = training.model.layers.stack.dropout
    dropout.rng = recorded_generator(about["random"])
    training.random = dropout.rng.bit_generator
    training.metrics.cut(about["metrics"])
