"""`throughtime compare`: one setting forked into variants, trained alike and laid over each other."""

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
    updates; where one diverges the others go on. Each is an ordinary run in OUT.
    """
    from throughtime.compare.display import display
    from throughtime.training.metrics import to_json

    with display(sys.stderr, options.quiet) as show:
        found = _go_on(options, typed, show) if options.resume else _begin(options, typed, show)
    if options.as_json:
        print(to_json({"comparison": str(found.path), **found.record}))
    else:
        _say(found)


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
    found = kept_forks(path, load_record(path))
    variants = [make_variant(fork) for fork in found]
    corpus = read_text(options.files or found[0].options.files, show)
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


def _say(found: "Comparison") -> None:
    """Print the table, what the numbers say, and what may be done next."""
    import shlex

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from throughtime.cli.stopping import program
    from throughtime.compare.page import PAGE
    from throughtime.compare.readings import COLUMNS, readings, row, unit_of

    unit = unit_of(found.outcomes)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in COLUMNS:
        table.add_column(
            unit if name == "validation" else name, justify="left" if name == "variant" else "right"
        )
    styles = {"diverged": "red"}
    for outcome in found.outcomes:
        table.add_row(*map(Text, row(outcome, unit)), style=styles.get(outcome.state, ""))
    console = Console()
    console.print(table)
    print()
    for line in readings(found.outcomes):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    shown = shlex.quote(str(found.path))
    print(
        f"The curves lie in {shlex.quote(str(found.path / PAGE))}; each variant is a run in {shown}. Try next:"
    )
    name = shlex.quote(str(found.path / found.outcomes[0].variant))
    print(f"  {program()} flow {name}")
    print(f"  {program()} generate {name} --length 500 --temperature 0.7")
