"""Variants trained on the same text with the same budget: here one after another, or side by side elsewhere."""

import os
import shlex
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGINT
from typing import Any

from throughtime.cluster.engine import Engine
from throughtime.compare.elsewhere import Callbacks, Shared, train_elsewhere
from throughtime.compare.events import Begun, Ended, Listener, Told, Training
from throughtime.compare.outcome import Outcome
from throughtime.compare.page import PAGE, write_page
from throughtime.compare.record import (
    Record,
    load_record,
    new_record,
    outcomes_of,
    put,
    require_same,
    save,
    to_come,
)
from throughtime.compare.train import train_variant
from throughtime.compare.variant import Variant, require_comparable
from throughtime.data.corpus import Corpus
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.errors import Interrupted, LostError
from throughtime.training.directory import TOKENIZER, locked, require_free
from throughtime.training.evaluate import tokens_of
from throughtime.training.events import Event
from throughtime.training.events import Listener as OfTraining
from throughtime.training.material import prepare

# The gradient's way back is measured so many times in every variant, at the same updates.
_PROBES = 10


@dataclass(frozen=True)
class Comparison:
    """What `compare` returns.

    Attributes
    ----------
    path : Path
        compare.json, compare.html, and a run directory for each variant, called after it.
    outcomes : list of Outcome
        In the order of the variants.
    record : dict
        What compare.json holds.
    """

    path: Path
    outcomes: list[Outcome]
    record: Record = field(repr=False)


def no_callbacks(variant: Variant, run: Path) -> tuple[OfTraining, ...]:
    """Nobody else hears of a variant's training."""
    return ()


def compare(
    variants: Sequence[Variant],
    corpus: Corpus | str,
    *,
    out: str | os.PathLike[str],
    tokenizer: Tokenizer | None = None,
    resume: bool = False,
    setting: Mapping[str, Any] | None = None,
    listeners: Listener | Iterable[Listener] = (),
    callbacks: Callbacks = no_callbacks,
    engine: Engine | None = None,
    more_words: Sequence[str] = (),
) -> Comparison:
    """Train variants on one text, in one order, for as long, and lay their curves over each other.

    Everything is checked before anything is written. A variant that diverges is a result: the others go on.

    Parameters
    ----------
    variants : sequence of Variant
        Alike in what they read, in how much of it an update takes, and in how long they learn.
    corpus : Corpus or str
        A str is the text itself.
    out : path
        A new or empty directory.
    tokenizer : Tokenizer, optional
        By default one of the text's characters.
    resume : bool
        Go on in `out`: variants that have come to their end are not trained again, one that was stopped goes on from
        its newest checkpoint. The variants and the text are those it was begun with.
    setting : mapping, optional
        What the variants have in common, in the words of the caller; only kept, in compare.json.
    listeners : callable, or several
        Told of each event of `throughtime.compare.events`.
    callbacks : callable
        Given a variant and the directory of its run, returns the callbacks of its training, as `fit` has them. With an
        engine it is sent to wherever the variants are trained.
    engine : Engine, optional
        Trains the variants side by side, such as `throughtime.cluster.processes.Processes`; a variant is then told of
        when it has ended. One that is interrupted goes on from its newest checkpoint where the engine sees the files of
        this machine, and begins anew elsewhere. By default they are trained in this process, one after another.
    more_words : sequence of str
        What `throughtime compare --resume` is to be called with, besides --out, to go on in the same way.

    Returns
    -------
    Comparison

    Raises
    ------
    ArgumentError, TextError, TokenError, RunError
        A variant, the text or the directory is bad, or another process compares there.
    LostError
        What trained a variant elsewhere has died; its text says how to go on.
    Interrupted
        After Ctrl-C or SIGTERM; its text says how to go on.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> training = {"max_steps": 40, "batch_size": 4, "seq_len": 10}
    >>> variants = [
    ...     Variant(name=cell, model={"hidden_size": 8, "cell": cell, "seed": 0}, training=training)
    ...     for cell in ("rnn", "gru")
    ... ]
    >>> with TemporaryDirectory() as place:
    ...     found = compare(variants, "to be or not to be " * 50, out=place)
    >>> [(each.variant, each.state, each.steps) for each in found.outcomes]
    [('rnn', 'finished', 40), ('gru', 'finished', 40)]
    """
    path = Path(out)
    heard: list[Listener] = [listeners] if callable(listeners) else list(listeners)

    def tell(event: Told) -> None:
        for listener in heard:
            listener(event)

    require_comparable(variants)
    before = load_record(path) if resume else None
    if before is None:
        require_free(path)
    corpus = corpus if isinstance(corpus, Corpus) else Corpus("the text", corpus)
    if before is not None:
        tokenizer = Tokenizer.load(path / TOKENIZER)
    elif tokenizer is None:
        tokenizer = Tokenizer.train(corpus, on_progress=tell)
    tokens = tokens_of(corpus, tokenizer, variants[0].plan.by, tell)
    variants = [_probed(variant, tokens, tokenizer) for variant in variants]
    record = new_record(tokens, tokenizer, variants, dict(setting or {}))
    if before is not None:
        require_same(path, before, record)
    with locked(path):
        # What was found before, another process may have changed until now.
        if before is not None:
            record = load_record(path)
        else:
            require_free(path, mine=True)
            tokenizer.save(path / TOKENIZER)
            save(path, record)  # the last file: whatever has it can be gone on with
        tell(Begun(corpus.name, tuple(outcomes_of(record)), engine is not None))
        names = to_come(record)
        rest = [each for each in variants if each.name in names]
        shared = Shared(tokens, tokenizer, callbacks)
        trained = (
            _train_here(rest, path, shared, tell)
            if engine is None
            else train_elsewhere(engine, rest, path, shared, tell)
        )
        with _saying_how_to_go_on(path, record, engine is not None, more_words), closing(trained):
            for outcome in trained:
                put(record, outcome)
                save(path, record)
                write_page(path, record)
                tell(Ended(outcome))
        if not (path / PAGE).exists():
            write_page(path, record)
    return Comparison(path, outcomes_of(record), record)


def load_complete(path: Path) -> Comparison | None:
    """The comparison in a directory; None if a variant of it has not come to its end yet.

    Raises
    ------
    RunError
        There is none, or it is damaged.
    """
    record = load_record(path)
    if to_come(record):
        return None
    if not (path / PAGE).exists():
        write_page(path, record)
    return Comparison(path, outcomes_of(record), record)


def _probed(variant: Variant, tokens: Tokens, tokenizer: Tokenizer) -> Variant:
    """The variant with its probes spread over its budget, if it does not say otherwise.

    Raises
    ------
    TextError, ArgumentError
        The text is too short for it, or a setting is bad.
    """
    plan = variant.plan
    material = prepare(tokens, tokenizer, tokenizer.vocab_size, plan)
    if plan.flow_every is not None:
        return variant
    every = max(1, plan.steps(material.record["steps_per_epoch"]) // _PROBES)
    return replace(variant, training={**variant.training, "flow_every": every})


def _train_here(
    variants: Sequence[Variant], out: Path, shared: Shared, tell: Listener
) -> Generator[Outcome, None, None]:
    """Train variants one after another, each event told as it happens."""
    for variant in variants:
        run = out / variant.name
        callbacks = [_of(variant.name, tell), *shared.callbacks(variant, run)]
        yield train_variant(variant, shared.tokens, shared.tokenizer, run, callbacks)


def _of(name: str, tell: Listener) -> OfTraining:
    def told(event: Event) -> None:
        tell(Training(name, event))

    return told


@contextmanager
def _saying_how_to_go_on(
    path: Path, record: Record, elsewhere: bool, more_words: Sequence[str]
) -> Iterator[None]:
    """Where the block is interrupted, or what trains is lost, say how the comparison goes on.

    Raises
    ------
    Interrupted
        Instead of any KeyboardInterrupt.
    LostError
        Its text has what to type.
    """
    go_on = shlex.join(["throughtime", "compare", "--resume", "--out", str(path), *more_words])
    try:
        yield
    except KeyboardInterrupt as stop:
        names = to_come(record)
        when = (
            f"with {len(names)} of the variants to come"
            if elsewhere or not names
            else f"while {names[0]} was trained"
        )
        raise Interrupted(
            f"interrupted {when}; the comparison so far lies in {path}. Go on with: {go_on}",
            getattr(stop, "signal", int(SIGINT)),
        ) from None
    except LostError as lost:
        raise LostError(f"{lost} The comparison so far lies in {path}. Go on with: {go_on}") from lost
