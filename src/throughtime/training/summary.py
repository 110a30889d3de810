"""What is told of a run before its first update, and after its last."""

import time
from typing import TYPE_CHECKING

from throughtime.training.events import Finished, Started

if TYPE_CHECKING:
    from throughtime.training.loop import Training


def introduction(training: "Training") -> Started:
    """What is about to be trained, and on what."""
    model, material = training.model, training.material
    val, layers = material.val, model.layers
    depth = f"{layers.num_layers} layers" if layers.num_layers > 1 else "1 layer"
    return Started(
        training.path,
        material.name,
        f"{model.settings['cell']}, {depth} of {layers.hidden_size}, vocabulary {model.vocab_size}",
        model.num_params,
        material.train.tokens,
        val.tokens if val else 0,
        training.steps,
        training.steps_per_epoch,
        val is not None and val.characters is not None,
        training.resumed_step,
    )


def conclusion(training: "Training") -> Finished:
    """What has come of it."""
    course, kept = training.course, training.kept
    found = kept.evaluation
    return Finished(
        course.step,
        course.tokens,
        course.epoch_loss.value,
        kept.step,
        None if found is None else found.loss,
        None if found is None else found.perplexity,
        None if found is None else found.bits_per_char,
        time.perf_counter() - training.started,
        training.pace.overall,
        course.clipped / course.step if course.step else 0.0,
        training.early,
        training.resumed_step,
        training.path,
    )
