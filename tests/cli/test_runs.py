import json
import os
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import SMALL

from throughtime.cli import run_list
from throughtime.cli.run_list import lines_from_the_end, list_runs
from throughtime.training.directory import held


@pytest.fixture
def place(trained, tmp_path):
    """A directory with a copy of the run for each name, the last the newest."""

    def make(*names: str) -> Path:
        for age, name in enumerate(reversed(names)):
            copy = tmp_path / "runs" / name
            shutil.copytree(trained, copy)
            for file in (copy / "metrics.jsonl", copy):
                os.utime(file, (1_000_000_000 - 60 * age,) * 2)
        return tmp_path / "runs"

    return make


def end_with(run: Path, *records: dict, steps: int) -> None:
    """Cut a run's records behind a step, and add some."""
    file = run / "metrics.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line["step"] <= steps and "finished" not in line]
    file.write_text("".join(json.dumps(line) + "\n" for line in [*kept, *records]), encoding="utf-8")


def states(directory: Path) -> dict[str, str]:
    return {run.name: run.state for run in list_runs(directory)}


def test_runs_lists_the_newest_first(cli, place):
    place("first", "second", "third")
    result = cli("runs")
    assert (result.code, result.err) == (0, "")
    heading, *rows = result.out.splitlines()
    assert heading.split() == ["run", "model", "unit", "steps", "validation", "when", "state"]
    assert [row.split()[0] for row in rows] == ["third", "second", "first"]
    assert len({row.index("finished") for row in rows}) == 1  # aligned


def test_runs_tells_what_the_best_evaluation_found(cli, trained, place):
    place("only")
    records = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    best = [record for record in records if record.get("best")][-1]
    steps = max(record["step"] for record in records)
    (run,) = json.loads(cli("runs", "--json").out)["runs"]
    assert {key: run[key] for key in ("val_loss", "val_perplexity", "val_bits_per_char")} == {
        key: best[key] for key in ("val_loss", "val_perplexity", "val_bits_per_char")
    }
    assert (run["name"], run["model"], run["unit"], run["steps"]) == ("only", "lstm 12", "char", steps)
    assert run["state"] == "finished"
    row = cli("runs", "runs").out.splitlines()[1]
    assert f"{best['val_bits_per_char']:.3f} bits/char" in row


def test_runs_tells_what_became_of_each(place):
    runs = place("killed", "interrupted", "diverged", "early", "new", "done")
    lines = (runs / "done" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    total = max(json.loads(line)["step"] for line in lines)
    end_with(runs / "killed", steps=5)
    end_with(runs / "interrupted", {"step": 6, "stopped": "interrupted at step 6"}, steps=6)
    end_with(runs / "diverged", {"step": 4, "stopped": "training diverged at step 5"}, steps=4)
    end_with(runs / "early", {"step": 8, "finished": "no better evaluation in 2"}, steps=8)
    end_with(runs / "new", steps=0)
    assert states(runs) == {
        "killed": f"stopped at step 5 of {total}",
        "interrupted": f"stopped at step 6 of {total}",
        "diverged": f"diverged at step 4 of {total}",
        "early": f"finished early at step 8 of {total}: no better evaluation in 2",
        "new": f"stopped at step 0 of {total}",
        "done": "finished",
    }


def test_runs_knows_a_run_without_a_number_of_epochs(cli, corpus):
    assert cli("train", corpus, "--max-steps", 2, "--out", "runs/short", "--quiet", *SMALL).code == 0
    (found,) = json.loads(cli("runs", "--json").out)["runs"]
    assert (found["steps"], found["state"]) == (2, "finished")


def test_runs_tells_which_one_is_being_trained(place):
    runs = place("done", "busy")
    with held(runs / "busy"):
        found = states(runs)
    assert found["busy"].startswith("running, at step ")
    assert found["done"] == "finished"
    assert states(runs)["busy"] == "finished"


def test_runs_names_the_damaged_and_passes_over_what_is_no_run(cli, place):
    runs = place("good", "no config", "bad config", "bad metrics", "bad records", "no metrics", "old")
    (runs / "no config" / "config.json").unlink()
    (runs / "bad config" / "config.json").write_text('{"model"')
    (runs / "bad metrics" / "metrics.jsonl").write_text('{"step": 1, "loss"\n')
    (runs / "bad records" / "metrics.jsonl").write_text('{"loss": 1}\n')
    (runs / "no metrics" / "metrics.jsonl").unlink()
    config = json.loads((runs / "old" / "config.json").read_text())
    del config["training"]["epochs"]
    (runs / "old" / "config.json").write_text(json.dumps(config))
    (runs / "notes").mkdir()
    (runs / "notes.txt").write_text("no run")
    found = states(runs)
    assert found.keys() == {
        "good",
        "no config",
        "bad config",
        "bad metrics",
        "bad records",
        "no metrics",
        "old",
    }
    assert found.pop("good") == "finished"
    assert all(state.startswith("damaged: ") for state in found.values())
    assert "holds no config.json" in found["no config"]
    assert "metrics.jsonl cannot be read (No such file or directory)" in found["no metrics"]
    assert found["old"].endswith("config.json lacks training.epochs")
    assert found["bad records"] == "damaged: metrics.jsonl lacks 'step'"
    assert cli("runs").code == 0


def test_runs_of_a_run_lists_it_alone(cli, trained):
    (_, row) = cli("runs", trained).out.splitlines()
    assert row.split()[0] == trained.name


def test_runs_lists_those_of_a_comparison_under_its_name(cli, place):
    directory = place("alone", "two/tanh", "two/gru", "no-comparison/run")
    assert [run.name for run in list_runs(directory)] == ["alone"]
    (directory / "two" / "compare.json").write_text("{}")
    assert [run.name for run in list_runs(directory)] == ["two/gru", "two/tanh", "alone"]
    assert [run.name for run in list_runs(directory / "two")] == ["gru", "tanh"]


def test_runs_where_there_is_none(cli, tmp_path, corpus):
    missing = cli("runs")
    assert missing == (
        2, "",
        "throughtime: runs does not exist; expected a directory of runs. Name another one, or begin: throughtime train.\n",
    )  # fmt: skip
    assert "is not a directory; expected a directory of runs" in cli("runs", corpus).err
    (tmp_path / "runs").mkdir()
    assert cli("runs") == (0, "No runs in runs.\n", "")


def test_runs_is_a_table_in_a_terminal(cli, place, monkeypatch):
    place("one", "two")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")  # without colours
    lines = cli("runs").out.splitlines()
    assert lines[0].split() == ["run", "model", "unit", "steps", "validation", "when", "state"]
    assert [line.split()[0] for line in lines[1:]] == ["two", "one"]


@pytest.mark.parametrize("block", [1, 3, 64])
def test_lines_from_the_end_come_in_reverse_whatever_the_block(block, tmp_path, monkeypatch):
    monkeypatch.setattr(run_list, "_BLOCK", block)
    file = tmp_path / "lines"
    cases = (b"", b"a\n", b"a\nbc\n\ndef\n", b"a\nbc\nunfinished", b"unfinished", b"\n")
    for content in cases:
        file.write_bytes(content)
        assert list(lines_from_the_end(file)) == content.split(b"\n")[:-1][::-1], content


def test_runs_reads_only_the_end_of_a_long_run(place, monkeypatch):
    runs = place("long")
    file = runs / "long" / "metrics.jsonl"
    file.write_bytes(b"what is here is not read\n" * 100_000 + file.read_bytes())
    assert states(runs) == {"long": "finished"}
