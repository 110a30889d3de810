"""The course of a run as records: lines of metrics.jsonl and flow.jsonl, or without a directory kept in memory."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any

from throughtime.errors import RunError
from throughtime.training.directory import FLOW, METRICS
from throughtime.training.events import (
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Probed,
    Record,
    Step,
    Stopped,
)

_NUMBER = (int, float, NoneType)  # null is what JSON has for one that is not finite


class Journal:
    """Records, one after the other.

    Parameters
    ----------
    path : Path or None
        The file, which is made if it is missing; None keeps the records in memory.

    Attributes
    ----------
    records : list of dict
        Empty where there is a file: a long run has millions.
    """

    def __init__(self, path: Path | None) -> None:
        self.records: list[Record] = []
        self._path = path
        self._file = None if path is None else path.open("ab")

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            with suppress(OSError):  # of a full disk, which has been told by then
                self._file.close()

    def write(self, record: Record) -> None:
        """Put one record at the end."""
        if self._file is None:
            self.records.append(_finite(record))
            return
        with self._named():
            self._file.write((to_json(record) + "\n").encode())
            self._file.flush()  # so that whoever follows the file sees each line at once

    def mark(self) -> int:
        """The bytes written so far, all of them on the disk: what `cut` goes back to."""
        if self._file is None:
            return len(self.records)
        with self._named():
            os.fsync(self._file.fileno())
            return self._file.tell()

    def cut(self, mark: int) -> None:
        """Forget all that was written after a mark, in this process or an earlier one."""
        if self._file is None or self._path is None:
            del self.records[mark:]
            return
        with self._named():
            whole = self._path.read_bytes()[:mark]
            # Where the power has failed, the file may be shorter than it was at the mark, and end within a line.
            self._file.truncate(whole.rfind(b"\n") + 1)
            self._file.seek(0, os.SEEK_END)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Python does not say which file could not be written."""
        try:
            yield
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(self._path)) from error


class Metrics:
    """Collects the records of a run: what happened, and apart from it the longer ones of how the gradient flows.

    Parameters
    ----------
    run : Path or None
        The run directory; None keeps the records in memory.

    Attributes
    ----------
    course, flow : Journal
        Of metrics.jsonl and of flow.jsonl.
    """

    def __init__(self, run: Path | None) -> None:
        self.course = Journal(None if run is None else run / METRICS)
        self.flow = Journal(None if run is None else run / FLOW)

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.course.close()
        self.flow.close()

    def __call__(self, event: Event) -> None:
        """Take account of an event."""
        match event:
            case Step() | Evaluated() | IncidentMet() | Stopped():
                self.course.write(event.record())
            case Finished():  # its numbers can be had from the others
                self.course.write({"step": event.steps, "finished": event.early})
            case Probed():
                self.flow.write(event.record())

    def mark(self) -> dict[str, int]:
        """Where each journal ends now."""
        return {"course": self.course.mark(), "flow": self.flow.mark()}

    def cut(self, mark: dict[str, int]) -> None:
        """Forget all that was written after a mark, in this process or an earlier one."""
        self.course.cut(mark["course"])
        self.flow.cut(mark["flow"])


def _is_course(record: Record) -> bool:
    """Whether it is one of metrics.jsonl, with all that is read of it again."""
    entries: dict[str, tuple[type, ...]] = {"step": (int,)}
    if "loss" in record:
        entries |= {"tokens": (int,), "clipped": (bool,), "loss": _NUMBER, "grad_norm": _NUMBER}
    if "val_loss" in record:
        entries |= {"best": (bool,), "val_loss": _NUMBER, "val_bits_per_char": _NUMBER}
    return all(name in record and isinstance(record[name], kinds) for name, kinds in entries.items())


def _is_flow(record: Record) -> bool:
    """The same of flow.jsonl."""
    try:
        lags, layers = record["lags"], [*record["norms"].values()]
        curves = [curve for each in layers for curve in each]
        return (
            bool(lags and record["norms"]["h"])
            and all(len(curve) == len(lags) for curve in curves)
            and all(isinstance(value, _NUMBER) for curve in curves for value in curve)
            and all(isinstance(record[name], int) for name in ("step", "horizon"))
            and isinstance(record["half_life"], _NUMBER)
            and isinstance(record.get("truncation", {"K": 0})["K"], int)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def read_metrics(path: Path) -> list[Record]:
    """The records of a metrics.jsonl or a flow.jsonl; a last line that a crash has cut short is left out.

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
        if not isinstance(record, dict) or not _SHAPES.get(path.name, _is_any)(record):
            raise RunError(
                f"{path} is damaged in line {number}; expected a record as training writes it. {remedy}"
            )
        records.append(record)
    return records


def _is_any(record: Record) -> bool:
    return True


_SHAPES = {METRICS: _is_course, FLOW: _is_flow}


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
