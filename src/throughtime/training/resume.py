"""Going on with a run that was stopped, from its directory alone."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from throughtime.cells.cell import Cell
from throughtime.data.corpus import Corpus
from throughtime.data.tokenizer import Tokenizer
from throughtime.training.continuing import require_trained
from throughtime.training.directory import TOKENIZER, load_config
from throughtime.training.events import Listener
from throughtime.training.fit import fit
from throughtime.training.own_text import corpus_of
from throughtime.training.records import clip_of, optimizer_of, schedule_of, truncation_of
from throughtime.training.run import Run, model_of
from throughtime.truncation import Chunk


def resume(
    path: str | os.PathLike[str],
    corpus: Corpus | str | Any = None,
    *,
    cell: Cell | None = None,
    callbacks: Listener | Iterable[Listener] = (),
    **changed: Any,
) -> Run:
    """Go on with a run that was stopped.

    It ends in the same bits as if it had never been stopped. A run that has come to its end goes on if `epochs` or
    `max_steps` let it.

    Parameters
    ----------
    path : path
        The run directory.
    corpus : Corpus, str, or integer array (N,), optional
        The text it was started with. By default its files are read again, from where they were.
    cell : Cell, optional
        The cell that the model was made with, if it was a user's own.
    callbacks : callable, or several
        As `fit` has them.
    **changed
        Arguments of `fit` to be other than they were: epochs, max_steps, patience, threads, checkpoint_every,
        keep_checkpoints, on_incident or, but under Auto, flow_every. None stands for what it was.

    Raises
    ------
    RunError
        There is no run, it was imported, it is in use, its text is another one, or another argument was given.
    InputError, DivergedError, Interrupted
        As `fit` raises them.
    """
    path = Path(path)
    config = load_config(path)
    require_trained(path, config)
    model = model_of(path, config, cell)
    tokenizer = None if config["tokenizer"] is None else Tokenizer.load(path / TOKENIZER)
    others = {name: value for name, value in changed.items() if value is not None}
    if "max_steps" in others:
        others.setdefault("epochs", None)  # as in `fit`, it is then the only limit
    settings: dict[str, Any] = {**config["training"], **others}
    settings["optimizer"] = optimizer_of(settings["optimizer"])
    settings["clip"] = clip_of(settings["clip"])
    settings["schedule"] = schedule_of(settings["schedule"])
    settings["truncation"] = truncation_of(settings["truncation"])
    if isinstance(settings["truncation"], Chunk):
        del settings["seq_len"]  # the truncation sets it
    if corpus is None:
        corpus = corpus_of(path, config["corpus"])
    return fit(model, corpus, tokenizer=tokenizer, out=path, resume=True, callbacks=callbacks, **settings)
