"""`throughtime train`: a language model from a text."""

import sys
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from throughtime.cli.parameters import spelled, takes
from throughtime.cli.train_options import TrainOptions

if TYPE_CHECKING:
    from throughtime.data.corpus import Corpus
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
    from throughtime.cli.train_settings import fit_settings, make_model, refuse_slips, vocabulary
    from throughtime.data.corpus import builtin
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.training.directory import free_name, require_free
    from throughtime.training.fit import fit

    refuse_slips(options)
    path = Path(options.out or free_name("runs", f"{_short(options.files)}-{options.cell}"))
    require_free(path)
    callbacks = _callbacks(path, show, options.tensorboard)
    corpus = _read(options.files, show) if options.files else builtin()
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
        corpus = _read(options.files, show) if options.files else None
        return resume(path, corpus, callbacks=callbacks, **changed)


def _read(files: list[str], show: "Listener") -> "Corpus":
    """The text of files; what is left out of directories is told."""
    from throughtime.data.corpus import read
    from throughtime.training.events import Noticed

    corpus = read(files, show)
    if skipped := corpus.skipped:
        more = f" and {len(skipped) - 3:,} more" if len(skipped) > 3 else ""
        show(Noticed(f"left out, as no text: {', '.join(skipped[:3])}{more}"))
    return corpus


def _callbacks(path: Path, show: "Listener", tensorboard: bool) -> "list[Listener]":
    """Who hears of the training."""
    if not tensorboard:
        return [show]
    from throughtime.tensorboard import TensorBoard

    return [show, TensorBoard(path / TENSORBOARD)]


def _short(files: list[str] | None) -> str:
    """What to call a corpus in the name of its run."""
    if not files:
        return "help-topics"
    return "stdin" if files[0] == "-" else PurePath(files[0]).stem
