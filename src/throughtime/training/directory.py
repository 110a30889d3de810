"""A run's directory: claimed without touching what is there, and written so that a crash leaves no half file."""

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.errors import RunError

CONFIG, TOKENIZER, METRICS, WEIGHTS = "config.json", "tokenizer.json", "metrics.jsonl", "model.safetensors"


def require_free(path: Path) -> None:
    """Raise RunError if a run cannot be written there. Nothing is written."""
    try:
        _require_free(path)
    except OSError as error:  # the name itself is bad, such as one too long
        raise RunError(
            f"{path} cannot be written ({error.strerror}); expected a directory for the run. Name another one."
        ) from None


def _require_free(path: Path) -> None:
    if path.is_dir():
        taken = sorted(entry.name for entry in path.iterdir())
        if taken:
            raise RunError(
                f"{path} already holds {taken[0]}; expected a new or empty directory. Name another one, or move this one away."
            )
    elif os.path.lexists(path):
        raise RunError(f"{path} is a file; expected a new or empty directory. Name another one.")
    nearest = next(parent for parent in (path, *path.absolute().parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        raise RunError(f"{nearest} is a file; expected a directory to make {path} in. Name another one.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RunError(
            f"{nearest} is not writable; expected a directory to make {path} in. Name another one, or change its permissions."
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


def claim(path: Path, config: dict[str, Any]) -> None:
    """Make a directory that `require_free` has let pass, and take it by writing its config.json."""
    # Settings may come as NumPy's numbers. What cannot be written must show before a file is there.
    content = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"
    try:
        path.mkdir(parents=True, exist_ok=True)
        # "x": of two runs that start at once, one gets it. A name that is not UTF-8 is kept as an escape.
        with (path / CONFIG).open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
    except FileExistsError:
        raise RunError(
            f"{path} has just been taken by another run; expected a new or empty directory. Name another one."
        ) from None
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror}); expected a directory for the run. Name another one."
        ) from None


def _plain(number: Any) -> Any:
    """A NumPy number as Python's."""
    if isinstance(number, np.generic):
        return number.item()
    raise TypeError(f"{number!r} found; expected what JSON knows.")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, even if the power fails."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not every system can open a directory
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
