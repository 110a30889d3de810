"""`throughtime compare`: one setting forked into variants, trained alike and laid over each other."""

import shlex
import sys
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from throughtime.cli.compare_options import CompareOptions
from throughtime.cli.compare_setting import absolute, kept, kept_forks
from throughtime.cli.parameters import spelled, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from throughtime.cli.compare_variants import Fork
    from throughtime.cluster.engine import Engine
    from throughtime.compare.comparison import Comparison
    from throughtime.compare.events import Listener
    from throughtime.compare.variant import Variant
    from throughtime.training.events import Listener as OfTraining

# What may be said anew where a comparison goes on.
OF_EACH_CALL = frozenset({"out", "resume", "files", "quiet", "as_json", "jobs", "ray"})


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

    _refuse_threads(options)
    found = forks(options, typed)
    variants = [make_variant(fork) for fork in found]
    require_comparable(variants)
    path = Path(options.out or free_name("runs", f"{short_name(options.files)}-compared"))
    require_free(path)
    corpus = read_text(options.files, show)
    tokenizer = Tokenizer.train(corpus, options.unit, vocabulary(options), show)
    with _elsewhere(options) as (engine, more_words):
        return compare(
            variants,
            corpus,
            tokenizer=tokenizer,
            out=path,
            setting=kept(options),
            listeners=show,
            callbacks=_callbacks(found),
            engine=engine,
            more_words=more_words,
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
    settled = [name for name in typed if name not in OF_EACH_CALL]
    if settled:
        raise ArgumentError(
            f"{', '.join(map(spelled, settled))} found with --resume; expected no setting, as the comparison has them "
            "already. Leave out what is settled, or begin a new comparison."
        )
    path = Path(options.out)
    if not options.files and (complete := load_complete(path)) is not None:
        return complete
    found = kept_forks(path, load_record(path))
    _refuse_threads(options, found[0].options.threads)
    variants = [make_variant(fork) for fork in found]
    files = options.files or found[0].options.files
    if files and "-" in files and not options.files:
        raise ArgumentError(
            f"the text of {path} came from standard input; expected it once more, to go on. Pipe it again: throughtime "
            f"compare - --resume --out {shlex.quote(str(path))}"
        )
    corpus = read_text(files, show)
    with _elsewhere(options) as (engine, more_words):
        return compare(
            variants,
            corpus,
            out=path,
            resume=True,
            listeners=show,
            callbacks=_callbacks(found),
            engine=engine,
            more_words=more_words,
        )


def _refuse_threads(options: CompareOptions, begun_with: int | None = None) -> None:
    """Raise ArgumentError if a variant that is trained elsewhere is to have several threads.

    Parameters
    ----------
    options : CompareOptions
    begun_with : int, optional
        The threads of a comparison that goes on: they are settled.
    """
    from throughtime.errors import ArgumentError

    threads = options.threads if begun_with is None else begun_with
    for name, found in (("--ray", options.ray is not None), ("--jobs", (options.jobs or 1) > 1)):
        if found and threads > 1 and begun_with is not None:
            raise ArgumentError(
                f"{options.out} was begun with --threads {threads}, and {name} is found; expected one variant after another, "
                f"as each would have one processor. Leave {name} out."
            )
        if found and threads > 1:
            raise ArgumentError(
                f"--threads {threads} found with {name}; expected 1, as each variant then has one processor. Leave one of the "
                "two out."
            )


@contextmanager
def _elsewhere(options: CompareOptions) -> "Iterator[tuple[Engine | None, list[str]]]":
    """What trains several variants at a time, and what to type more to go on so.

    Without an engine they are trained here, one after another.
    """
    from throughtime.cli.engine import engine

    if options.ray is None and options.jobs in (None, 1):
        yield None, []
        return
    more = {"jobs": options.jobs, "ray": options.ray}
    words = [
        word for name, value in more.items() if value is not None for word in (spelled(name), str(value))
    ]
    with engine(options.jobs, options.ray) as found:
        yield found, words


def _callbacks(forks: "list[Fork]") -> "Callable[[Variant, Path], list[OfTraining]]":
    """What makes of each variant the callbacks of its training, wherever that is."""
    # Their files are found from another working directory, too.
    options_of = {fork.name: asdict(fork.options) | {"files": absolute(fork.options.files)} for fork in forks}
    return partial(_keeping, options_of)


def _keeping(options_of: "dict[str, dict[str, Any]]", variant: "Variant", run: Path) -> "list[OfTraining]":
    """Who hears of a variant's training: what makes its directory that of an ordinary run."""
    from throughtime.cli.kept_options import KeepOptions
    from throughtime.cli.train import TENSORBOARD

    options = options_of[variant.name]
    found: list[OfTraining] = [KeepOptions(options | {"lr": variant.plan.optimizer.lr})]
    if options["tensorboard"]:
        from throughtime.tensorboard import TensorBoard

        found.append(TensorBoard(run / TENSORBOARD))
    return found
