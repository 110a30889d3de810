"""Training a language model on a text."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import throughtime
from throughtime.data.corpus import Corpus
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError
from throughtime.networks.language_model import LanguageModel
from throughtime.optim import Adam, Clip, Optimizer, Schedule
from throughtime.training.conditions import conditions
from throughtime.training.directory import METRICS, TOKENIZER, claim, require_free
from throughtime.training.evaluate import By, require_tokenizer
from throughtime.training.events import Listener
from throughtime.training.loop import Training
from throughtime.training.material import Material, prepare
from throughtime.training.metrics import Metrics
from throughtime.training.plan import Plan, make_plan
from throughtime.training.run import Run
from throughtime.truncation import Truncation


def fit(
    model: LanguageModel,
    corpus: Corpus | str | Any,
    *,
    tokenizer: Tokenizer | None = None,
    optimizer: Optimizer | None = None,
    truncation: Truncation | None = None,
    clip: Clip | None = None,
    schedule: Schedule | None = None,
    by: By = "stream",
    batch_size: int = 32,
    seq_len: int | None = None,
    epochs: int = 10,
    max_steps: int | None = None,
    val_fraction: float = 0.1,
    eval_every: int | None = None,
    reduction: str = "mean",
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    on_event: Listener | Iterable[Listener] = (),
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
    truncation : Truncation, optional
        By stream Chunk(50), or Chunk(seq_len) if that is given; by sentence Full().
    clip : ClipNorm or ClipValue, optional
    schedule : Schedule, optional
        Called after each evaluation; constant by default. Without a validation text it sees the training loss.
    by : "stream" or "sentence"
        Parallel streams whose state is carried from chunk to chunk; or each sentence an example, as in the article.
    batch_size : int
        How many streams, or sentences, side by side.
    seq_len : int, optional
        Steps per update by stream. `Chunk(k)` sets it; giving both is an error.
    epochs, max_steps : int
        Whichever ends first.
    val_fraction : float
        The share that is held out, 0 for none.
    eval_every : int, optional
        Updates from one evaluation to the next; by default about 20 evaluations, at least one an epoch. There is
        always one at the end.
    reduction : "mean" or "sum"
        Of the loss whose gradient is taken; what is reported is always nats per token.
    seed : int
        Of the order of sentences. The model's start, and its dropout, have the seed that the model was made with.
    out : path, optional
        A new or empty directory for the run; None writes nothing.
    on_event : callable, or several
        Called with each event of `throughtime.training.events`.

    Returns
    -------
    Run
        Its model holds the weights that were kept.

    Raises
    ------
    ArgumentError, TextError, TokenError, RunError
        A setting, the text or the directory is bad. Nothing has been written.
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
    plan = make_plan(
        Adam(2e-3) if optimizer is None else optimizer,
        truncation,
        clip,
        schedule,
        by,
        batch_size,
        seq_len,
        epochs,
        max_steps,
        val_fraction,
        eval_every,
        reduction,
        seed,
    )
    if not isinstance(model, LanguageModel):
        raise ArgumentError(
            f"a {type(model).__name__} found; expected a LanguageModel. Train other models with bptt and an optimizer."
        )
    require_tokenizer(model, tokenizer)
    path = None if out is None else Path(out)
    if path is not None:
        require_free(path)
    material = prepare(corpus, tokenizer, model.vocab_size, plan)
    config = _config(model, tokenizer, material, plan)
    if path is not None:
        claim(path, config)
        if tokenizer is not None:
            tokenizer.save(path / TOKENIZER)
    run = Run(path, config, model, tokenizer)
    with Metrics(None if path is None else path / METRICS) as metrics:
        run._history = metrics.records
        others = [on_event] if callable(on_event) else list(on_event)
        listeners: list[Listener] = [metrics, *others]
        run.finished = Training(model, plan, material, path, listeners).run()
    return run


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
        "machine": conditions(),
    }
