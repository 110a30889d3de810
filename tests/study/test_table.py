"""The tidy table: one row a trial, one type a column, read back as it was written."""

import json

import pytest
from tests.study.results import found, result

import throughtime as tt
from throughtime.study import table
from throughtime.study.table import rows_of, write_table

FOUND = [
    *found("sgd", (20, 30), result(), result("diverged", horizon_after=None), lr=1),
    *found("clipped", 40, result("steps"), clip_norm="1", test_length=50),
]


def test_rows_have_every_setting_and_number():
    rows = rows_of(FOUND)
    assert [(row["way"], row["seed"], row["length"], row["length_to"]) for row in rows] == [
        ("sgd", 0, 20, 30),
        ("sgd", 1, 20, 30),
        ("clipped", 0, 40, 40),
    ]
    assert [row["test_length"] for row in rows] == [None, None, 50]
    assert [row["success"] for row in rows] == [True, False, False]
    assert [row["capped"] for row in rows] == [False, False, True]
    assert [row["ended"] for row in rows] == ["success", "diverged", "steps"]
    assert rows[2]["clip_norm"] == "1"
    assert rows[0]["corpus"] is None
    assert json.loads(json.dumps(rows)) == rows
    assert len({*map(tuple, rows)}) == 1


def test_parquet_is_read_back_with_a_type_for_each_column(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = rows_of(FOUND)
    write_table(tmp_path / "found.parquet", rows)
    read = parquet.read_table(tmp_path / "found.parquet")
    assert read.to_pylist() == rows
    kinds = {field.name: str(field.type) for field in read.schema}
    assert kinds["lr"] == kinds["seconds"] == kinds["val_loss"] == kinds["max_seconds"] == "double"
    assert kinds["length"] == kinds["length_to"] == kinds["seed"] == kinds["horizon_after"] == "int64"
    assert kinds["success"] == kinds["horizon_after_censored"] == "bool"
    assert kinds["way"] == kinds["clip_norm"] == kinds["unit"] == kinds["corpus"] == "string"
    # Of a study none of whose trials has something, the type is the same.
    write_table(tmp_path / "one.parquet", rows[:1])
    assert parquet.read_schema(tmp_path / "one.parquet") == read.schema


def test_without_pyarrow_it_is_said_what_to_type(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(tt.MissingError, match=r"pip install 'throughtime\[study\]'"):
        table.require_table()
