"""What the runs in a directory are, and how far they came, without loading any of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from throughtime.errors import RunError
from throughtime.training.directory import (
    CHECKPOINTS,
    COMPARISON,
    CONFIG,
    METRICS,
    WEIGHTS,
    is_held,
    load_config,
)

_BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A run as it is listed; None where it does not say.

    Attributes
    ----------
    name : str
        Of its directory; of a variant's after that of its comparison.
    model : str or None
        Such as `lstm 2 x 256`.
    unit : str or None
    state : str
        Such as `finished`, or `stopped at step 20 of 300`.
    steps : int or None
        Updates made.
    val_loss, val_perplexity, val_bits_per_char : float or None
        Of the best evaluation.
    when : datetime
        The last sign of life.
    """

    name: str
    model: str | None = None
    unit: str | None = None
    state: str
    steps: int | None = None
    val_loss: float | None = None
    val_perplexity: float | None = None
    val_bits_per_char: float | None = None
    when: datetime


def list_runs(directory: Path) -> list[Listed]:
    """The runs in a directory and in its comparisons, the newest first; a directory that is a run itself is the only one.

    Raises
    ------
    RunError
        There is no such directory.
    """
    if not directory.is_dir():
        found = "is not a directory" if directory.exists() else "does not exist"
        raise RunError(
            f"{directory} {found}; expected a directory of runs. Name another one, or begin: throughtime train."
        )
    if _is_run(directory):
        return [_listed(directory, directory.resolve().name)]
    runs = [_listed(place, str(place.relative_to(directory))) for place in _places(directory)]
    return sorted(runs, key=lambda run: (run.when, run.name), reverse=True)


def _places(directory: Path) -> Iterator[Path]:
    """The runs in a directory, and those of the comparisons in it."""
    for place in directory.iterdir():
        if _is_run(place):
            yield place
        elif (place / COMPARISON).is_file():
            yield from filter(_is_run, place.iterdir())


def _is_run(place: Path) -> bool:
    """Whether something of a run lies there."""
    return any((place / name).exists() for name in (CONFIG, METRICS, WEIGHTS, CHECKPOINTS))


def _listed(place: Path, name: str) -> Listed:
    when = max(file.stat().st_mtime for file in (place, place / METRICS) if file.exists())
    known: dict[str, Any] = {"name": name, "when": datetime.fromtimestamp(round(when))}
    try:
        config = load_config(place)
        model, training = config["model"], config["training"]
        layers = f"{model['num_layers']} x " if model["num_layers"] > 1 else ""
        known["model"] = f"{model['cell']} {layers}{model['hidden_size']}"
        known["unit"] = None if config["tokenizer"] is None else config["tokenizer"]["unit"]
        if training is None:
            return Listed(state="imported", **known)
        course = _course(place / METRICS, training["val_fraction"] > 0)
        epochs, most = training["epochs"], training["max_steps"]
        limits = most, None if epochs is None else epochs * config["corpus"]["steps_per_epoch"]
        planned = min(limit for limit in limits if limit is not None)
    except (RunError, KeyError, TypeError, ValueError, OSError) as error:
        return Listed(state=f"damaged: {_reason(error)}", **known)
    return Listed(state=_state(place, course, planned), **known, **course.found)


def _reason(error: Exception) -> str:
    match error:
        case RunError():
            return str(error).partition(";")[0]
        case KeyError():
            return f"{METRICS} lacks {error}"
        case OSError():
            return f"{METRICS} cannot be read ({error.strerror})"
    return f"what its files say makes no sense ({error})"


class _Course:
    """What the end of metrics.jsonl says."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}
        self.found: dict[str, Any] = {"steps": 0}


def _course(metrics: Path, evaluated: bool) -> _Course:
    """Read from the end back to the last update and to the best evaluation."""
    course = _Course()
    stepped = False
    for line in lines_from_the_end(metrics):
        if course.last and stepped and b'"best": true' not in line:
            continue
        record = json.loads(line)
        course.last = course.last or record
        if "loss" in record and not stepped:
            stepped, course.found["steps"] = True, record["step"]
        if record.get("best"):
            course.found |= {key: record[key] for key in ("val_loss", "val_perplexity", "val_bits_per_char")}
            evaluated = False
        if stepped and not evaluated:
            break
    return course


def _state(place: Path, course: _Course, planned: int) -> str:
    """What has become of a run."""
    last, steps = course.last, course.found["steps"]
    progress = f"at step {steps:,} of {planned:,}"
    if is_held(place):
        return f"running, {progress}"
    if "finished" in last:
        return f"finished early {progress}: {last['finished']}" if last["finished"] else "finished"
    if steps >= planned:
        return "finished"
    stopped = last.get("stopped", "")
    return f"{'diverged' if stopped and not stopped.startswith('interrupted') else 'stopped'} {progress}"


def lines_from_the_end(path: Path) -> Iterator[bytes]:
    """The lines of a file, the last one first, read a block at a time; one without its line feed is left out."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        rest = b""
        cut = True  # what follows the last line feed is unfinished
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            first, *lines = (file.read(end - start) + rest).split(b"\n")
            if lines and cut:
                lines.pop()
                cut = False
            yield from reversed(lines)
            rest, end = first, start
        if not cut:
            yield rest
