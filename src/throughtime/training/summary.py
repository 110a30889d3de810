"""What is told of a run before its first update, and after its last."""

from throughtime.training.events import Finished, Started
from throughtime.training.material import Material
from throughtime.training.run_state import RunState


def introduction(run: RunState, material: Material, resumed_step: int) -> Started:
    """What is about to be trained, and on what."""
    model, val = run.model, material.val
    layers = model.layers
    depth = f"{layers.num_layers} layers" if layers.num_layers > 1 else "1 layer"
    return Started(
        run.path,
        material.name,
        f"{model.settings['cell']}, {depth} of {layers.hidden_size}, vocabulary {model.vocab_size}",
        model.num_params,
        material.train.tokens,
        val.tokens if val else 0,
        run.steps,
        run.steps_per_epoch,
        val is not None and val.characters is not None,
        resumed_step,
        run.adapting is not None,
    )


def conclusion(run: RunState, tokens_per_second: float, early: str | None, resumed_step: int) -> Finished:
    """What has come of it."""
    course, kept = run.course, run.kept
    found = kept.evaluation
    return Finished(
        course.step,
        course.tokens,
        course.epoch_loss.value,
        kept.step,
        None if found is None else found.loss,
        None if found is None else found.perplexity,
        None if found is None else found.bits_per_char,
        run.seconds,
        tokens_per_second,
        course.clipped / course.step if course.step else 0.0,
        course.horizon,
        course.censored,
        course.half_life,
        early,
        resumed_step,
        run.path,
    )
