"""A run's directory: claimed without touching what is there, and held by one process at a time."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from throughtime.errors import RunError
from throughtime.storage import as_python, write_whole
from throughtime.training.entries import require_entries

CONFIG, TOKENIZER, METRICS, WEIGHTS = "config.json", "tokenizer.json", "metrics.jsonl", "model.safetensors"
FLOW, REPORT = "flow.jsonl", "report.html"
CHECKPOINTS, INCIDENTS = "checkpoints", "incidents"
OPTIONS = "options.toml"  # the command line's, as a file for --config
FIRST_CHECKPOINT = "step-00000000.safetensors"
LOCK = ".lock"
COMPARISON = "compare.json"  # beside the runs of a comparison
_UNFINISHED = re.compile(r"\..+\.\d+")  # as `write_whole` calls a file that has no name yet


def require_free(path: Path, mine: bool = False) -> None:
    """Raise RunError if a run cannot be written there. Nothing is written.

    Parameters
    ----------
    path : Path
    mine : bool
        Whether it is `held` by the caller.
    """
    require_place(path)
    try:
        _require_free(path, mine)
    except OSError as error:
        raise unusable(path, error) from None


def _require_free(path: Path, mine: bool) -> None:
    if not path.is_dir():
        return
    taken = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if taken and not mine and is_held(path):
        raise _in_use(path)
    if taken and not _is_unbegun(path, taken):
        go_on = (
            ", or go on with the run in it: train --resume, in Python tt.resume" if CONFIG in taken else ""
        )
        raise RunError(
            f"{path} already holds {taken[0]}; expected a new or empty directory. Name another one, or move this one "
            f"away{go_on}."
        )


def require_place(path: Path) -> None:
    """Raise RunError unless there is a directory to write in, or one can be made. Nothing is written."""
    try:
        _require_place(path)
    except OSError as error:  # the name itself is bad, such as one too long
        raise unusable(path, error) from None


def _require_place(path: Path) -> None:
    if "\0" in str(path):
        raise RunError(f"{str(path)!r} has a NUL; expected the name of a directory. Name another one.")
    if not path.is_dir() and os.path.lexists(path):
        raise RunError(f"{path} is a file; expected a new or empty directory. Name another one.")
    nearest = next(parent for parent in (path, *path.absolute().parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        raise RunError(f"{nearest} is a file; expected a directory to make {path} in. Name another one.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(
            f"{nearest} is not writable; expected a directory to make {path} in. Name another one, or change its permissions."
        )


def unusable(path: Path, error: OSError) -> RunError:
    """What to raise where a directory cannot be written."""
    return RunError(
        f"{path} cannot be written ({error.strerror}); expected a directory to write in. Name another one."
    )


def _is_unbegun(path: Path, names: list[str]) -> bool:
    """Whether a run was stopped there before it had its config.json: nothing was learned then."""
    checkpoints = path / CHECKPOINTS
    if not checkpoints.is_dir() or not {*names} <= {TOKENIZER, METRICS, FLOW, WEIGHTS, CHECKPOINTS, OPTIONS}:
        return False
    return all(
        entry.name == FIRST_CHECKPOINT or entry.name.startswith(".") for entry in checkpoints.iterdir()
    )


def free_name(parent: str, name: str) -> Path:
    """A path in `parent` that does not exist: `name` made fit for a file name, numbered if it is taken."""
    plain = re.sub(r"[^\w.-]+", "-", name.casefold()).strip("-.")[:40] or "run"
    number = 1
    path = Path(parent, plain)
    while os.path.lexists(path):
        number += 1
        path = Path(parent, f"{plain}-{number}")
    return path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a run's directory, made if it is not there, while the block runs. The system lets go for a process that dies.

    Raises
    ------
    RunError
        Another process holds it, or it cannot be made.
    """
    try:
        (path / CHECKPOINTS).mkdir(
            parents=True, exist_ok=True
        )  # before all else: it shows whose the directory is
    except OSError as error:
        raise unusable(path, error) from None
    with locked(path):
        try:
            _sweep(path)
        except OSError as error:
            raise unusable(path, error) from None
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a directory of any kind, made if it is not there, while the block runs.

    Raises
    ------
    RunError
        Another process holds it, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK, timeout=0.5)  # so long may `is_held` have it
        lock.acquire()
    except Timeout:
        raise _in_use(path) from None
    except OSError as error:
        raise unusable(path, error) from None
    try:
        yield
    finally:
        lock.release()


def _sweep(path: Path) -> None:
    """Remove what processes left that died while they wrote. Whoever calls holds the directory."""
    for directory in (path, path / CHECKPOINTS):
        for entry in directory.iterdir():
            if _UNFINISHED.fullmatch(entry.name):
                entry.unlink()


def _in_use(path: Path) -> RunError:
    return RunError(
        f"{path} is in use by another process; expected a directory that none works in. Wait for it, or name another one."
    )


def is_held(path: Path) -> bool:
    """Whether a process is training there, as far as that can be told of a directory of somebody else's."""
    if not (path / LOCK).exists():
        return False
    lock = FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:  # it may not be opened
        return False
    lock.release()
    return False


def save_config(path: Path, config: dict[str, Any]) -> None:
    """Write a run's settings."""
    # Settings may come as NumPy's numbers. A name that is not UTF-8 is kept as an escape.
    content = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False, default=as_python) + "\n"
    write_whole(path / CONFIG, content.encode("utf-8", errors="backslashreplace"))


def load_config(path: Path) -> dict[str, Any]:
    """Read a run's settings.

    Raises
    ------
    RunError
        The directory is missing, is no run, or its config.json is damaged: it lacks an entry, or one is of another type.
    """
    remedy = "Name a directory that `throughtime train` has written."
    if not os.path.lexists(path):
        raise RunError(f"{path} does not exist; expected a run directory. {remedy}")
    if not path.is_dir():
        raise RunError(f"{path} is not a directory; expected a run directory. {remedy}")
    file = path / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} holds no {CONFIG}; expected a run directory. {remedy}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{file} cannot be read ({error}); expected a run's settings. {remedy}") from None
    require_entries(file, config)
    return cast(dict[str, Any], config)
