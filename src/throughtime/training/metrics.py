"""The course of a run as records: kept in memory, and written to metrics.jsonl line by line."""

import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any

from throughtime.errors import RunError
from throughtime.training.events import Evaluated, Event, Record, Step, Stopped


class Metrics:
    """Collects the records of steps, evaluations and an early stop.

    Parameters
    ----------
    path : Path or None
        The file, which must not exist; None keeps the records in memory alone.

    Attributes
    ----------
    records : list of dict
        One for each line.
    """

    def __init__(self, path: Path | None) -> None:
        self.records: list[Record] = []
        self._file = None if path is None else path.open("x", encoding="utf-8", buffering=1)  # line by line

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, event: Event) -> None:
        """Take account of an event."""
        if not isinstance(event, Step | Evaluated | Stopped):
            return
        record = event.record()
        self.records.append(record)
        if self._file is not None:
            self._file.write(to_json(record) + "\n")


def read_metrics(path: Path) -> list[Record]:
    """The records of a metrics.jsonl; a last line that a crash has cut short is left out.

    Raises
    ------
    RunError
        The file is missing, unreadable or damaged.
    """
    remedy = "Train again, or name another run."
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise RunError(f"{path.parent} holds no {path.name}; expected the run's records. {remedy}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); expected the run's records. {remedy}") from None
    records: list[Record] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise RunError(f"{path} is damaged in line {number}; expected one JSON object a line. {remedy}")
        records.append(record)
    return records


def to_json(record: Record, indent: int | None = None) -> str:
    """A record as JSON, which knows neither NaN nor infinity: they become null."""
    return json.dumps(_finite(record), ensure_ascii=False, allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
