"""The training of one variant: all that another process, or another machine, has to call."""

import time
from collections.abc import Iterable
from pathlib import Path

from throughtime.compare.course import read_course
from throughtime.compare.outcome import Outcome
from throughtime.compare.variant import Variant
from throughtime.data.corpus import Corpus
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.errors import DivergedError
from throughtime.training.directory import CONFIG, load_config
from throughtime.training.events import Listener
from throughtime.training.fit import fit


def train_variant(
    variant: Variant,
    text: Corpus | Tokens,
    tokenizer: Tokenizer,
    path: Path,
    callbacks: Iterable[Listener] = (),
) -> Outcome:
    """Train a variant in a run directory of its own; one that was stopped there goes on.

    Parameters
    ----------
    variant : Variant
    text : Corpus or Tokens
    tokenizer : Tokenizer
    path : Path
        The run directory.
    callbacks : iterable of callable
        As `fit` has them.

    Returns
    -------
    Outcome
        Also of a variant that diverges: that is what came of it.

    Raises
    ------
    InputError, Interrupted
        As `fit` raises them.
    """
    model = variant.make_model(tokenizer.vocab_size)
    begun = (path / CONFIG).exists()
    start = time.perf_counter()
    stopped = None
    try:
        run = fit(
            model,
            text,
            tokenizer=tokenizer,
            out=path,
            resume=begun,
            callbacks=callbacks,
            **variant.arguments,
        )
        assert run.finished is not None
        seconds = run.finished.seconds
    except DivergedError as error:
        seconds, stopped = time.perf_counter() - start, str(error)
    by_char = tokenizer.unit == "char" and not load_config(path)["corpus"]["unknown"]
    return Outcome.of(variant.name, model.num_params, read_course(path), seconds, stopped, by_char)
