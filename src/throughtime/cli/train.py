"""`throughtime train`: a language model from a text."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from throughtime.cli.parameters import spelled, takes
from throughtime.cli.train_options import TrainOptions

if TYPE_CHECKING:
    from throughtime.training.events import Listener
    from throughtime.training.run import Run

TENSORBOARD = "tensorboard"


@takes(TrainOptions)
def train(options: TrainOptions, typed: list[str]) -> None:
    """Train a language model on text, and keep it in a run directory.

    The tokens of files stay in the user's cache directory, or below THROUGHTIME_CACHE: at most 10 GB, the last used.
    """
    from throughtime.cli.ending import say_what_next
    from throughtime.training.display import display
    from throughtime.training.metrics import to_json

    with display(sys.stderr, options.quiet) as show:
        run = _go_on(options, typed, show) if options.resume else _begin(options, show)
    assert run.finished is not None
    if options.as_json:
        print(to_json(run.finished.record()))
    else:
        say_what_next(run)


def _begin(options: TrainOptions, show: "Listener") -> "Run":
    """Train from the start."""
    from throughtime.cli.kept_options import KeepOptions
    from throughtime.cli.stopping import saying_how_to_go_on
    from throughtime.cli.texts import read_text, short_name
    from throughtime.cli.train_settings import fit_settings, make_model, refuse_slips, vocabulary
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.training.directory import free_name, require_free
    from throughtime.training.fit import fit

    refuse_slips(options)
    path = Path(options.out or free_name("runs", f"{short_name(options.files)}-{options.cell}"))
    require_free(path)
    callbacks = _callbacks(path, show, options.tensorboard)
    corpus = read_text(options.files, show)
    tokenizer = Tokenizer.train(corpus, options.unit, vocabulary(options), show)
    model = make_model(options, tokenizer.vocab_size)
    settings = fit_settings(options)
    effective = {"lr": settings["optimizer"].lr, "vocab_size": vocabulary(options)}
    callbacks.append(KeepOptions(asdict(options) | effective))
    with saying_how_to_go_on(path):
        return fit(model, corpus, tokenizer=tokenizer, out=path, callbacks=callbacks, **settings)


def _go_on(options: TrainOptions, typed: list[str], show: "Listener") -> "Run":
    """Train on from where a run stopped."""
    from throughtime.cli.kept_options import OF_THE_CALL, KeepChanges
    from throughtime.cli.stopping import saying_how_to_go_on
    from throughtime.cli.texts import read_text
    from throughtime.errors import ArgumentError
    from throughtime.training.continuing import CHANGEABLE
    from throughtime.training.resume import resume

    if options.out is None:
        raise ArgumentError("--resume found alone; expected the run to go on with. Add --out RUN.")
    # The text may be given again, where it cannot be read from where it was.
    welcome = CHANGEABLE | OF_THE_CALL - {"config"} | {"files", "tensorboard"}
    settled = [name for name in typed if name not in welcome]
    if settled:
        changeable = ", ".join(spelled(name) for name in sorted(CHANGEABLE))
        raise ArgumentError(
            f"{', '.join(map(spelled, settled))} found with --resume; expected no setting that the run has already; these "
            f"can change: {changeable}. Leave out what cannot, or begin a new run."
        )
    path = Path(options.out)
    changed = {name: getattr(options, name) for name in typed if name in CHANGEABLE}
    tensorboard = options.tensorboard or (path / TENSORBOARD).is_dir()
    callbacks: list[Listener] = [*_callbacks(path, show, tensorboard), KeepChanges(changed, show)]
    with saying_how_to_go_on(path):
        corpus = read_text(options.files, show) if options.files else None
        return resume(path, corpus, callbacks=callbacks, **changed)


def _callbacks(path: Path, show: "Listener", tensorboard: bool) -> "list[Listener]":
    """Who hears of the training."""
    if not tensorboard:
        return [show]
    from throughtime.tensorboard import TensorBoard

    return [show, TensorBoard(path / TENSORBOARD)]
