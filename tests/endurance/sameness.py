"""Whether two runs ended in the same bits."""

import json
from pathlib import Path
from typing import Any

from throughtime.errors import DamagedError
from throughtime.storage import load_sealed


def differences(reference: Path, run: Path) -> list[str]:
    """What differs between two finished runs, but for times.

    Compared are the kept weights, all arrays and facts of the last checkpoint, and the records.
    """
    found = [
        f"{name} differs"
        for name in ("model.safetensors", "tokenizer.json", "options.toml")
        if _bytes(reference / name) != _bytes(run / name)
    ]
    theirs, ours = newest_checkpoint(reference), newest_checkpoint(run)
    if theirs.name != ours.name:
        return [*found, f"the last checkpoint is {ours.name}, not {theirs.name}"]
    found += _compared_checkpoints(theirs, ours)
    expected, records = untimed_records(reference), untimed_records(run)
    if expected != records:
        first = next((i for i, (a, b) in enumerate(zip(expected, records, strict=False)) if a != b), None)
        where = f"{len(records)} lines, not {len(expected)}" if first is None else f"line {first + 1}"
        found.append(f"metrics.jsonl differs: {where}")
    return found


def newest_checkpoint(run: Path) -> Path:
    return checkpoints(run)[-1]


def checkpoints(run: Path) -> list[Path]:
    """In the order of their steps."""
    return sorted((run / "checkpoints").glob("step-*.safetensors"))


def untimed_records(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the pace."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in record.items() if key != "tokens_per_second"} for record in records]


def damaged(run: Path) -> list[str]:
    """The sealed files of a run that are not whole: a kill may leave none of them."""
    found = []
    for path in [run / "model.safetensors", *checkpoints(run)]:
        try:
            load_sealed(path)
        except FileNotFoundError:
            pass
        except DamagedError as error:
            found.append(str(error))
    return found


def _compared_checkpoints(theirs: Path, ours: Path) -> list[str]:
    (expected, facts), (arrays, about) = load_sealed(theirs), load_sealed(ours)
    if expected.keys() != arrays.keys():
        return [f"{ours.name} has other arrays: {sorted(expected.keys() ^ arrays.keys())}"]
    found = [
        f"{name} of {ours.name} differs"
        for name, array in expected.items()
        if (array.dtype, array.shape, array.tobytes())
        != (arrays[name].dtype, arrays[name].shape, arrays[name].tobytes())
    ]
    expected, facts = _untimed(facts), _untimed(about)
    return found + [f"{key} of {ours.name} differs" for key in expected if expected[key] != facts.get(key)]


def _untimed(about: dict[str, Any]) -> dict[str, Any]:
    """The facts of a checkpoint without seconds, and without the bytes of the records, which tell the pace."""
    course = {key: repr(value) for key, value in about["course"].items() if key != "seconds"}
    return {**{key: repr(value) for key, value in about.items() if key != "metrics"}, "course": course}


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
