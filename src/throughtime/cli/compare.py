"""`throughtime compare`: one setting forked into variants, trained alike and laid over each other."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from throughtime.cli.compare_options import CompareOptions
from throughtime.cli.compare_setting import kept, kept_forks
from throughtime.cli.parameters import spelled, takes

if TYPE_CHECKING:
    from collections.abc import Callable

    from throughtime.cli.compare_variants import Fork
    from throughtime.compare.comparison import Comparison
    from throughtime.compare.events import Listener
    from throughtime.compare.variant import Variant
    from throughtime.training.events import Listener as OfTraining


@takes(CompareOptions)
def compare(options: CompareOptions, typed: list[str]) -> None:
    """Train variants of one setting on the same text, and compare how far their gradients reach.

    All options of throughtime train stand for every variant. All learn from the same text in the same order for as many
    updates, unless one diverges or --patience ends it: the others go on. Each is an ordinary run in OUT.
    """
    from throughtime.cli.compare_ending import say
    from throughtime.compare.display import display
    from throughtime.training.metrics import to_json

    with display(sys.stderr, options.quiet) as show:
        found = _go_on(options, typed, show) if options.resume else _begin(options, typed, show)
    if options.as_json:
        print(to_json({"comparison": str(found.path), **found.record}))
    else:
        say(found)
    _require_one_finished(found)


def _require_one_finished(found: "Comparison") -> None:
    """Raise DivergedError if there is nothing to compare, after all that there is was printed."""
    from throughtime.errors import DivergedError

    if not any(each.state == "finished" for each in found.outcomes):
        raise DivergedError(
            f"every variant in {found.path} diverged; expected at least one to come to its end. Compare with a lower --lr, or "
            "clip the gradient (--clip-norm 1)."
        )


def _begin(options: CompareOptions, typed: list[str], show: "Listener") -> "Comparison":
    """Compare from the start."""
    from throughtime.cli.compare_variants import forks, make_variant
    from throughtime.cli.texts import read_text, short_name
    from throughtime.cli.train_settings import vocabulary
    from throughtime.compare import compare
    from throughtime.compare.variant import require_comparable
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.training.directory import free_name, require_free

    found = forks(options, typed)
    variants = [make_variant(fork) for fork in found]
    require_comparable(variants)
    path = Path(options.out or free_name("runs", f"{short_name(options.files)}-compared"))
    require_free(path)
    corpus = read_text(options.files, show)
    tokenizer = Tokenizer.train(corpus, options.unit, vocabulary(options), show)
    return compare(
        variants,
        corpus,
        tokenizer=tokenizer,
        out=path,
        setting=kept(options),
        listeners=show,
        callbacks=_callbacks(path, found),
    )


def _go_on(options: CompareOptions, typed: list[str], show: "Listener") -> "Comparison":
    """Compare on from where it stopped."""
    from throughtime.cli.compare_variants import make_variant
    from throughtime.cli.texts import read_text
    from throughtime.compare import compare
    from throughtime.compare.comparison import load_complete
    from throughtime.compare.record import load_record
    from throughtime.errors import ArgumentError

    if options.out is None:
        raise ArgumentError("--resume found alone; expected the comparison to go on with. Add --out OUT.")
    settled = [name for name in typed if name not in ("out", "resume", "files", "quiet", "as_json")]
    if settled:
        raise ArgumentError(
            f"{', '.join(map(spelled, settled))} found with --resume; expected no setting, as the comparison has them "
            "already. Leave out what is settled, or begin a new comparison."
        )
    path = Path(options.out)
    if not options.files and (complete := load_complete(path)) is not None:
        return complete
    found = kept_forks(path, load_record(path))
    variants = [make_variant(fork) for fork in found]
    files = options.files or found[0].options.files
    if files and "-" in files and not options.files:
        raise ArgumentError(
            f"the text of {path} came from standard input; expected it once more, to go on. Pipe it again: throughtime "
            f"compare - --resume --out {shlex.quote(str(path))}"
        )
    corpus = read_text(files, show)
    return compare(variants, corpus, out=path, resume=True, listeners=show, callbacks=_callbacks(path, found))


def _callbacks(path: Path, forks: "list[Fork]") -> "Callable[[Variant], list[OfTraining]]":
    """Who hears of a variant's training: what makes its directory that of an ordinary run."""
    from throughtime.cli.kept_options import KeepOptions
    from throughtime.cli.train import TENSORBOARD

    options_of = {fork.name: fork.options for fork in forks}

    def callbacks(variant: "Variant") -> "list[OfTraining]":
        options = options_of[variant.name]
        found: list[OfTraining] = [KeepOptions(asdict(options) | {"lr": variant.plan.optimizer.lr})]
        if options.tensorboard:
            from throughtime.tensorboard import TensorBoard

            found.append(TensorBoard(path / variant.name / TENSORBOARD))
        return found

    return callbacks
