"""A study's results as a tidy table: a row for each trial, a column for each setting and each number found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from throughtime.data.tasks import Lengths
from throughtime.extras import require
from throughtime.storage import write_whole
from throughtime.study.corpus_trial import CorpusTrial
from throughtime.study.kinds import kinds_of, plain_kind
from throughtime.study.run import Found
from throughtime.study.task_trial import TaskTrial
from throughtime.study.trial import Result

TABLE = "results.parquet"
_SPANS = "length", "test_length"


def rows_of(found: Sequence[Found]) -> list[dict[str, Any]]:
    """The table row by row, fit for JSON.

    A trial that was `capped` has neither succeeded nor failed. A length is in two columns, `length` and `length_to`, which differ where it is a range. What a trial does not have, as
    the `task` of one on a text, is null.
    """
    names = [*_kinds()]
    rows = []
    for planned, result in found:
        trial = planned.trial
        settings = trial.record()
        row = {"way": planned.way, **settings, **_spans(settings), **asdict(result)}
        if isinstance(trial, TaskTrial):
            row |= {"success": result.success, "capped": result.capped}
        rows.append({name: row.get(name) for name in names})
    return rows


def require_table() -> None:
    """Raise MissingError where Parquet cannot be written."""
    require("pyarrow", "study")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as Parquet, which pandas, Polars, DuckDB and R read; columns have one type whatever is in them.

    Raises
    ------
    MissingError
        There is no pyarrow.
    """
    require_table()
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in _kinds().items()])
    content = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), content)
    write_whole(path, content.getvalue().to_pybytes())


def _kinds() -> dict[str, type]:
    """The columns, and what is in them."""
    kinds: dict[str, type] = {"way": str}
    for table in (TaskTrial, CorpusTrial):
        for name, kind in kinds_of(table).items():
            kinds |= {name: int, f"{name}_to": int} if name in _SPANS else {name: plain_kind(kind)}
    return (
        kinds
        | {"success": bool, "capped": bool}
        | {name: plain_kind(kind) for name, kind in kinds_of(Result).items()}
    )


def _spans(settings: Mapping[str, Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for name in _SPANS:
        span: int | Lengths | None = settings.get(name)
        low, high = (span, span) if span is None or isinstance(span, int) else span
        found |= {name: low, f"{name}_to": high}
    return found
