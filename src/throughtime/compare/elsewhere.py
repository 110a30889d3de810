"""Variants trained side by side, wherever an engine runs them: their runs come back as if they had been trained here."""

import json
import shlex
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

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

# How a path stands in files that tell it.
_SPELLED: Mapping[str, Callable[[str], str]] = {
    ".jsonl": lambda text: json.dumps(text)[1:-1],
    ".html": escape,
}


@dataclass(frozen=True)
class Job:
    """A variant to be trained.

    Attributes
    ----------
    variant : Variant
    path : str
        Where its run will lie.
    begun : dict of str to bytes
        The run so far.
    """

    variant: Variant
    path: str
    begun: Files


@dataclass(frozen=True)
class Shared:
    """What all of them learn from, and who hears of it."""

    tokens: Tokens
    tokenizer: Tokenizer
    callbacks: Callbacks


@dataclass(frozen=True)
class Trained:
    """What comes back.

    Attributes
    ----------
    outcome : Outcome
    files : dict of str to bytes
        The run.
    told : list of Event
        What should be known of its training.
    """

    outcome: Outcome
    files: Files
    told: list[Event]


def train_elsewhere(
    engine: Engine,
    variants: Sequence[Variant],
    out: Path,
    shared: Shared,
    tell: Callable[[Training], object],
) -> Generator[Outcome, None, None]:
    """Train variants through an engine, and write their runs.

    Parameters
    ----------
    engine : Engine
    variants : sequence of Variant
    out : Path
        Where the runs go, each into a directory called after its variant; one that was begun there goes on.
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
    jobs = [Job(each, str(out / each.name), _begun(out / each.name)) for each in variants]
    for index, trained in engine.run(_train, jobs, shared):
        name = variants[index].name
        _put(out / name, trained.files)
        for event in trained.told:
            tell(Training(name, event))
        yield trained.outcome


def _train(job: Job, shared: Shared) -> Trained:
    """Train a variant in a directory that is gone afterwards."""
    told: list[Event] = []

    def hear(event: Event) -> None:
        if isinstance(event, Noticed | IncidentMet):
            told.append(event)

    with TemporaryDirectory(prefix="throughtime-") as place:
        run = Path(place, job.variant.name)
        _write(run, job.begun)
        callbacks = [hear, *shared.callbacks(job.variant, run)]
        outcome = train_variant(job.variant, shared.tokens, shared.tokenizer, run, callbacks)
        files = {
            name: _told_of(content, run, job.path, Path(name).suffix) for name, content in _read(run).items()
        }
    for place_in_list, event in enumerate(told):
        assert isinstance(event, Noticed | IncidentMet)
        told[place_in_list] = replace(event, line=_renamed(event.line, run, job.path))
    if outcome.stopped is not None:
        outcome = replace(outcome, stopped=_renamed(outcome.stopped, run, job.path))
    return Trained(outcome, files, told)


def _told_of(content: bytes, run: Path, path: str, suffix: str) -> bytes:
    """A file's content, with the run's name where it will lie for that where it was trained."""
    spell = _SPELLED.get(suffix)
    if spell is None:
        return content
    return _renamed(content.decode(), run, path, spell).encode("utf-8", "backslashreplace")


def _renamed(text: str, run: Path, path: str, spell: Callable[[str], str] = str) -> str:
    # In what one may type, a name with spaces is quoted.
    typed = text.replace(f"replay {run} ", spell(f"replay {shlex.quote(path)} "))
    return typed.replace(str(run), spell(path))


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
    unfinished = run.with_name(f".{run.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _write(unfinished, files)
        shutil.rmtree(run, ignore_errors=True)
        unfinished.replace(run)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(run: Path, files: Files) -> None:
    for name, content in files.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
