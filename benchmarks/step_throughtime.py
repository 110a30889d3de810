"""A training step of a workload in throughtime."""

import numpy as np

import throughtime as tt
from benchmarks.peers import Timed, Unavailable
from benchmarks.workloads import CLIP, LEARNING_RATE, Workload
from throughtime.machine.conditions import computing
from throughtime.machine.precision import has_bf16, products_of
from throughtime.machine.workspace import Workspace


def make_model(work: Workload, num_layers: int = 1) -> tt.LanguageModel | tt.SequenceModel:
    """The workload's model, the same weights every time."""
    if work.vocab_size:
        return tt.LanguageModel(
            work.vocab_size,
            work.hidden_size,
            work.cell,
            num_layers=num_layers,
            embedding_size=work.embedding_size,
            bias=work.bias,
            seed=0,
        )
    return tt.SequenceModel(
        work.input_size,
        work.hidden_size,
        work.output_size,
        work.cell,
        num_layers=num_layers,
        loss=work.loss,
        at=work.at,
        seed=0,
    )


def make_workspace(precision: str) -> Workspace:
    """What a step works with, and what its products are made in."""
    if precision == "float32":
        return Workspace()
    if not has_bf16():
        raise Unavailable("the processor has no products of bfloat16")
    return Workspace(products_of(precision, np.float32))


def make_step(
    work: Workload,
    precision: str = "float32",
    threads: int = 1,
    truncation: tt.Full | tt.Window | None = None,
    num_layers: int = 1,
) -> Timed:
    """One step, which returns its loss."""
    inputs, targets = work.data()
    model, workspace = make_model(work, num_layers), make_workspace(precision)
    optimizer, clip = tt.SGD(LEARNING_RATE), tt.ClipNorm(CLIP)
    how = truncation or tt.Full()

    def step() -> float:
        with computing():
            r = model.bptt(
                inputs,
                targets,
                truncation=how,
                workspace=workspace,
                training=True,
                threads=threads,
                structured=True,
            )
            clip.apply(r.grads)
            optimizer.step(model.params, r.grads)
        return r.loss

    return Timed(step, f"{precision}, {_words(threads)}, flush-to-zero")


def _words(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
