"""Variants trained side by side, wherever an engine runs them."""

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

from throughtime.cluster.engine import Engine
from throughtime.compare.events import Training
from throughtime.compare.outcome import Outcome
from throughtime.compare.train import train_variant
from throughtime.compare.variant import Variant
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.storage import write_whole
from throughtime.training.directory import CONFIG, held
from throughtime.training.events import Event, IncidentMet, Listener, Noticed

# The content of a run's files, by their paths in it.
Files: TypeAlias = dict[str, bytes]
Callbacks: TypeAlias = Callable[[Variant, Path], Iterable[Listener]]


class Shared(NamedTuple):
    """What all variants learn from, and who hears of it."""

    tokens: Tokens
    tokenizer: Tokenizer
    callbacks: Callbacks


class Trained(NamedTuple):
    """What comes back of a variant.

    Attributes
    ----------
    outcome : Outcome
    told : list of Event
        What should be known of its training.
    """

    outcome: Outcome
    told: list[Event]


def train_elsewhere(
    engine: Engine,
    variants: Sequence[Variant],
    out: Path,
    shared: Shared,
    tell: Callable[[Training], object],
) -> Generator[Outcome, None, None]:
    """Train variants through an engine, each in a run directory in `out` that is called after it.

    Where the engine sees the files of this machine, it is trained there; elsewhere in a directory of that machine, whose
    files come back when it has ended. One that was begun goes on.

    Parameters
    ----------
    engine : Engine
    variants : sequence of Variant
    out : Path
    shared : Shared
    tell : callable
        Told what should be known of a variant's training when it has ended.

    Yields
    ------
    Outcome
        As each has ended, and its run is written.

    Raises
    ------
    RunError
        A run is in use by another process.
    LostError
        What trained a variant has died.
    """
    out = out.absolute()  # a worker may have another working directory
    ended = (
        _in_place(engine, variants, out, shared)
        if engine.sees_files
        else _away(engine, variants, out, shared)
    )
    for index, (outcome, told) in ended:
        for event in told:
            tell(Training(variants[index].name, event))
        yield outcome


# ------------------------------------------------------------ on the disk of this machine


def _in_place(
    engine: Engine, variants: Sequence[Variant], out: Path, shared: Shared
) -> Iterator[tuple[int, Trained]]:
    return engine.run(_train, [(each, out / each.name) for each in variants], shared)


def _train(job: tuple[Variant, Path], shared: Shared) -> Trained:
    """Train a variant in its run directory."""
    variant, run = job
    told: list[Event] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed | IncidentMet):
            told.append(event)

    callbacks = [hear, *shared.callbacks(variant, run)]
    return Trained(train_variant(variant, shared.tokens, shared.tokenizer, run, callbacks), told)


# ------------------------------------------------------------ on another machine


def _away(
    engine: Engine, variants: Sequence[Variant], out: Path, shared: Shared
) -> Iterator[tuple[int, Trained]]:
    jobs = [(each, _begun(out / each.name)) for each in variants]
    for index, (trained, files) in engine.run(_train_away, jobs, shared):
        _put(out / variants[index].name, files)
        yield index, trained


def _train_away(job: tuple[Variant, Files], shared: Shared) -> tuple[Trained, Files]:
    """Train a variant in a directory that is gone afterwards."""
    variant, begun = job
    # What is told of the run, and what its files say, then name it as it is called in `out`.
    run = Path(variant.name)
    with TemporaryDirectory(prefix="throughtime-", ignore_cleanup_errors=True) as place, chdir(place):
        _write(run, begun)
        return _train((variant, run), shared), _read(run)


def _begun(run: Path) -> Files:
    """The files of a run that was begun, to go on with."""
    if not (run / CONFIG).exists():
        return {}
    with held(run):
        return _read(run)


def _read(run: Path) -> Files:
    """All files of a run but for the hidden ones, which are of a process."""
    found = sorted(path for path in run.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in found}


def _put(run: Path, files: Files) -> None:
    """Write a run in the place of what was begun of it: the whole of it appears at once."""
    new, old = (run.with_name(f".{run.name}.{which}") for which in ("new", "old"))
    for each in (new, old):
        shutil.rmtree(each, ignore_errors=True)
    _write(new, files)
    if run.exists():
        run.replace(old)
    new.replace(run)
    shutil.rmtree(old, ignore_errors=True)


def _write(run: Path, files: Files) -> None:
    for name, content in files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
