"""A training step of a workload in throughtime."""

from collections.abc import Callable

import throughtime as tt
from benchmarks.workloads import CLIP, LEARNING_RATE, Workload
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace


def make_step(work: Workload) -> Callable[[], float]:
    """A function that makes one step and returns its loss."""
    inputs, targets = work.data()
    model: tt.LanguageModel | tt.SequenceModel
    if work.vocab_size:
        model = tt.LanguageModel(
            work.vocab_size,
            work.hidden_size,
            work.cell,
            embedding_size=work.embedding_size,
            bias=work.bias,
            seed=0,
        )
    else:
        model = tt.SequenceModel(
            work.input_size, work.hidden_size, work.output_size, work.cell, loss=work.loss, at=work.at, seed=0
        )
    optimizer, clip, workspace = tt.SGD(LEARNING_RATE), tt.ClipNorm(CLIP), Workspace()

    def step() -> float:
        with computing():
            r = model.bptt(
                inputs, targets, truncation=tt.Full(), workspace=workspace, training=True, structured=True
            )
            clip.apply(r.grads)
            optimizer.step(model.params, r.grads)
        return r.loss

    return step
