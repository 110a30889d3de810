"""`throughtime study`."""

import json

from tests.study.test_study import SMALL


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


def test_study_that_does_not_exist(cli):
    result = cli("study", "missing.toml")
    assert result.code == 2
    assert "missing.toml does not exist; expected a study's file. Check the path." in result.err
