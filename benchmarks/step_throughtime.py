"""A training step of a workload in throughtime."""

import throughtime as tt
from benchmarks.peers import Timed, Unavailable
from benchmarks.workloads import CLIP, LEARNING_RATE, Workload
from throughtime.machine.buffers import Buffers
from throughtime.machine.conditions import computing


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


def make_buffers(precision: str) -> Buffers:
    """The arrays that a step works in: the one place that says what products are computed in."""
    if precision != "float32":
        raise Unavailable(f"products are in float32 only, {precision} was asked for")
    return Buffers()


def make_step(
    work: Workload,
    precision: str = "float32",
    threads: int = 1,
    truncation: tt.Full | tt.Window | None = None,
    num_layers: int = 1,
) -> Timed:
    """One step, which returns its loss."""
    inputs, targets = work.data()
    model, buffers = make_model(work, num_layers), make_buffers(precision)
    optimizer, clip = tt.SGD(LEARNING_RATE), tt.ClipNorm(CLIP)
    how = truncation or tt.Full()

    def step() -> float:
        with computing():
            r = model.bptt(inputs, targets, truncation=how, buffers=buffers, training=True, threads=threads)
            clip.apply(r.grads)
            optimizer.step(model.params, r.grads)
        return r.loss

    return Timed(step, f"{precision}, {_words(threads)}, flush-to-zero")


def _words(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
