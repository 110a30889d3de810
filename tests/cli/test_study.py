"""`throughtime study`."""

import json
import sys

import pytest
from tests.study.test_study import SMALL

from throughtime.study.task_trial import TaskTrial


def test_study_prints_a_line_for_each_method_and_length(cli, tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    result = cli("study", "small.toml", "--jobs", 1)
    assert result.code == 0
    assert "12 trials; results.parquet and study.html lie in studies/small." in result.out
    assert "0 of 3" in result.out
    assert result.err.count(" of 12") == 12
    again = cli("study", "small.toml", "--jobs", 1)
    assert again.err == ""
    assert again.out == result.out


def test_study_as_json(cli, tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    result = cli("study", "small.toml", "--jobs", 1, "--json", "--quiet", "--out", "found")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert len(found["trials"]) == 12
    assert found["trials"][0]["way"] == "slow"
    assert {"task", "length", "seed", "success", "steps", "seconds", "horizon_after"} <= set(
        found["trials"][0]
    )


def test_study_leaves_a_table_and_a_page(cli, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "small.toml").write_text(SMALL)
    result = cli("study", "small.toml", "--jobs", 1, "--json", "--quiet")
    found = json.loads(result.out)
    assert parquet.read_table(tmp_path / found["table"]).to_pylist() == found["trials"]
    assert "random-permutation" in (tmp_path / found["page"]).read_text()


def test_study_that_is_interrupted_says_how_to_go_on(cli, tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(SMALL)
    run = TaskTrial.run
    ran = []

    def interrupted(self, corpora):
        if len(ran) == 3:
            raise KeyboardInterrupt
        ran.append(self)
        return run(self, corpora)

    monkeypatch.setattr(TaskTrial, "run", interrupted)
    result = cli("study", "small.toml", "--jobs", 1)
    assert result.code == 130
    last = result.err.splitlines()[-1]
    assert "interrupted; 3 trials have their results in studies/small. Go on with: " in last
    assert last.endswith(" study small.toml --out studies/small --jobs 1")
    assert "<dd>3 of 12</dd>" in (tmp_path / "studies" / "small" / "study.html").read_text()
    monkeypatch.setattr(TaskTrial, "run", run)
    result = cli("study", "small.toml", "--jobs", 1)
    assert result.code == 0
    assert result.err.startswith("3 of 12 trials have their results already")
    assert len(result.err.splitlines()) == 1 + 9


def test_study_without_pyarrow_is_told_before_any_work(cli, tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = cli("study", "small.toml", "--jobs", 1)
    assert result.code == 2
    assert "pip install 'throughtime[study]'" in result.err
    assert not (tmp_path / "studies").exists()


def test_study_that_does_not_exist(cli):
    result = cli("study", "missing.toml")
    assert result.code == 2
    assert "missing.toml does not exist; expected a study's file. Check the path." in result.err
