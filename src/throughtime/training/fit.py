"""Training a language model on a text."""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import throughtime
from throughtime.data.corpus import Corpus
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError, DivergedError
from throughtime.machine.precision import has_bf16, require_precision, warn_of_float32
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.omega import check_omega
from throughtime.optim import Clip, Optimizer, Schedule
from throughtime.training.conditions import conditions
from throughtime.training.continuing import differences
from throughtime.training.directory import TOKENIZER, held, load_config, require_free, save_config
from throughtime.training.evaluate import By, require_tokenizer
from throughtime.training.events import Action, Event, Listener, Noticed
from throughtime.training.final_report import leave_report
from throughtime.training.loop import Training
from throughtime.training.material import Material, prepare
from throughtime.training.metrics import Metrics
from throughtime.training.plan import Plan
from throughtime.training.run import Run
from throughtime.training.run_state import RunState
from throughtime.truncation import Auto, Truncation


def fit(
    model: LanguageModel,
    corpus: Corpus | str | Any,
    *,
    tokenizer: Tokenizer | None = None,
    optimizer: Optimizer | None = None,
    truncation: Truncation | Auto | None = None,
    clip: Clip | None = None,
    schedule: Schedule | None = None,
    by: By = "stream",
    batch_size: int = 32,
    seq_len: int | None = None,
    epochs: int | None = None,
    max_steps: int | None = None,
    val_fraction: float = 0.1,
    eval_every: int | None = None,
    flow_every: int | None = None,
    patience: int | None = None,
    average: int | None = None,
    omega: float = 0.0,
    reduction: str = "mean",
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_every: int | None = None,
    keep_checkpoints: int = 3,
    on_incident: Action = "stop",
    threads: int = 1,
    precision: str = "full",
    callbacks: Listener | Iterable[Listener] = (),
) -> Run:
    """Train a language model on a text.

    The last part of the text is held out; the weights that predict it best are the ones kept. Everything is checked
    before anything is written.

    Parameters
    ----------
    model : LanguageModel
        Trained in place.
    corpus : Corpus, str, or integer array (N,)
        A str is the text itself.
    tokenizer : Tokenizer, optional
        The model's own; needed where `corpus` is text.
    optimizer : Optimizer, optional
        Adam(2e-3) by default.
    truncation : Truncation or Auto, optional
        By stream Chunk(50), or Chunk(seq_len) if that is given; by sentence Full(). Auto(tolerance), by stream, is
        Chunk(seq_len, seq_len + K), K chosen anew at each probe and at first by one before the first update. K is at
        most Auto's longest; by default twice seq_len, and at least 100.
    clip : ClipNorm, ClipAuto or ClipValue, optional
    schedule : Schedule, optional
        What the optimiser's learning rate is multiplied by; constant by default. Without a validation text it is told
        the training loss.
    by : "stream" or "sentence"
        Parallel streams whose state is carried from chunk to chunk; or each sentence an example, as in the article.
    batch_size : int
        How many streams, or sentences, side by side.
    seq_len : int, optional
        Steps per update by stream. `Chunk(k)` sets it; giving both is an error.
    epochs, max_steps : int, optional
        Whichever ends first; without either, 10 epochs.
    val_fraction : float
        The share that is held out, 0 for none.
    eval_every : int, optional
        Updates from one evaluation to the next; by default about 20 evaluations, at least one an epoch. There is
        always one at the end.
    flow_every : int, optional
        Updates from one probe to the next, 0 for none: how far the gradient flows back in time is then measured on a
        little of the training text (`throughtime.training.probe`), which changes nothing but what Auto chooses. By
        default as often as costs at most 5% of training, by the number of operations; and there is one at the end, where
        the last one lies half an interval back or more.
    patience : int, optional
        End training after so many evaluations in a row without a new best.
    average : int, optional
        From the first evaluation that is worse than the best of all before the last so many, evaluate and keep the
        mean of the weights since then (NT-ASGD, Merity et al. 2018; theirs is 5).
    omega : float
        Weight of Pascanu's regulariser at the first update, for the plain RNN and other cells whose only way back in
        time is through the recurrent weights; see `throughtime.networks.omega`.
    reduction : "mean" or "sum"
        Of the loss whose gradient is taken; what is reported is always nats per token.
    seed : int
        Of the order of sentences. The model's start, and its dropout, have the seed that the model was made with.
    out : path, optional
        A new or empty directory for the run; None writes nothing.
    resume : bool
        Go on with the run in `out`, from its newest checkpoint that is whole. All arguments are those it was started
        with, but for `epochs`, `max_steps`, `patience`, `threads`, `callbacks`, those of checkpoints and incidents and,
        but under Auto, `flow_every`. It ends in the same bits as if it had never been stopped. `throughtime.resume` knows
        the arguments by itself.
        A run that had come to its end goes on as one that had more epochs from the start, but that an evaluation
        which was made for its end may have found the best weights.
    checkpoint_every : int, optional
        Updates from one checkpoint to the next; by default there is one at each evaluation.
    keep_checkpoints : int
        How many of the last ones stay; that of the best evaluation stays, too.
    on_incident : "stop", "skip" or "rollback"
        What to do where something is not finite or the gradient's norm jumps far above its median: end training, but
        for a jump, which is only recorded; leave the update out, ten times in a row at most; or go back to the last
        good checkpoint with half the learning rate, five times at most. Where there is clipping a jump is only recorded.
    threads : int
        Into how many parts a batch is split, one a thread. The same bits are promised for the same number.
    precision : "full" or "bf16"
        "bf16" rounds the operands of products to bfloat16, about twice as fast on a processor with AMX (Linux);
        weights, states and gradients stay in float32, and so do evaluations, probes, and the examination of what went
        wrong. Small models gain little, as small products stay in float32. Elsewhere all products are in float32; a `Noticed`
        event says so, or a warning where there are no callbacks.
    callbacks : callable, or several
        Called with each event of `throughtime.training.events`. From `Started` on, one may raise
        `throughtime.StopTraining`: training then ends after the update under way.

    Returns
    -------
    Run
        Its model holds the weights that were kept.

    Raises
    ------
    ArgumentError, TextError, TokenError, RunError
        A setting, the text or the directory is bad. Nothing has been written.
    Interrupted
        After Ctrl-C or SIGTERM: the update under way was finished, and a checkpoint written.
    DivergedError
        A loss or a gradient is not finite, or the loss is far beyond a blind guess. The weights are never trained on
        it: the model and the directory hold the last good ones.

    Examples
    --------
    >>> import throughtime as tt
    >>> text = "to be or not to be " * 50
    >>> tokenizer = tt.Tokenizer.train(text)
    >>> model = tt.LanguageModel(tokenizer.vocab_size, 16, cell="gru", seed=0)
    >>> run = fit(model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.02), batch_size=4, epochs=10)
    >>> run.finished.val_bits_per_char < 1
    True
    """
    plan = Plan.of(
        optimizer=optimizer,
        truncation=truncation,
        clip=clip,
        schedule=schedule,
        by=by,
        batch_size=batch_size,
        seq_len=seq_len,
        epochs=epochs,
        max_steps=max_steps,
        val_fraction=val_fraction,
        eval_every=eval_every,
        flow_every=flow_every,
        patience=patience,
        average=average,
        omega=omega,
        reduction=reduction,
        seed=seed,
        checkpoint_every=checkpoint_every,
        keep_checkpoints=keep_checkpoints,
        on_incident=on_incident,
        threads=threads,
        precision=precision,
    )
    if not isinstance(model, LanguageModel):
        raise ArgumentError(
            f"a {type(model).__name__} found; expected a LanguageModel. Train other models with bptt and an optimizer."
        )
    check_omega(plan.omega, model.layers.cell, plan.within_update)
    require_precision(plan.precision, model.dtype)
    if plan.precision == "bf16" and not callbacks and not has_bf16():
        warn_of_float32()  # nobody hears the event
    require_tokenizer(model, tokenizer)
    path = None if out is None else Path(out)
    _require_directory(path, resume, on_incident)
    listeners: list[Listener] = [callbacks] if callable(callbacks) else list(callbacks)

    def emit(event: Event) -> None:
        for listener in listeners:
            listener(event)

    material = prepare(corpus, tokenizer, model.vocab_size, plan, emit)
    config = _config(model, tokenizer, material, plan)
    run = Run(path, config, model, tokenizer)
    with nullcontext() if path is None else held(path):
        if path is not None and resume:
            for line in differences(path, config):
                emit(Noticed(line))
            config["corpus"] = load_config(path)[
                "corpus"
            ]  # it knows the files, even if their tokens were given now
        elif path is not None:
            require_free(path, mine=True)  # another run may have taken it since
        with Metrics(path) as metrics:
            if path is None:
                run._history, run._flow_history = metrics.course.records, metrics.flow.records
            state = RunState(model, plan, material, path, metrics, config)
            training = Training(state, material, emit, resume)
            if path is not None:
                if tokenizer is not None:
                    tokenizer.save(path / TOKENIZER)
                save_config(path, config)  # the last file: whatever has it can be taken up
            try:
                run.finished = training.go()
            except (
                DivergedError,
                KeyboardInterrupt,
            ):  # ends that leave a whole run; after others a disk may be full
                leave_report(run, training, emit)
                raise
            leave_report(run, training, emit)
    return run


def _require_directory(path: Path | None, resume: bool, on_incident: Action) -> None:
    """Find what is wrong with the directory before the text is read."""
    if path is not None:
        if resume:
            load_config(path)
        else:
            require_free(path)
        return
    for argument, found in (("resume=True", resume), ("on_incident='rollback'", on_incident == "rollback")):
        if found:
            raise ArgumentError(
                f"{argument} found without out; expected the directory of a run, where its checkpoints are. Pass out=PATH."
            )


def _config(
    model: LanguageModel, tokenizer: Tokenizer | None, material: Material, plan: Plan
) -> dict[str, Any]:
    return {
        "throughtime": throughtime.__version__,
        "model": model.settings,
        "tokenizer": None
        if tokenizer is None
        else {"unit": tokenizer.unit, "vocab_size": tokenizer.vocab_size},
        "training": plan.record(),
        "corpus": material.record,
        "machine": conditions(plan.threads, plan.precision),
    }
