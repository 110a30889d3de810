"""`throughtime task`."""

import json

from throughtime.data.tasks import TASKS
from throughtime.study.task_trial import TaskTrial

SMALL = (
    *("--length", 5, "--cell", "gru", "--hidden-size", 16, "--optimizer", "adam", "--lr", 0.02),
    *("--eval-every", 50, "--max-steps", 400, "--test-size", 500, "--jobs", 1),
)


def test_task_prints_a_line_for_each_seed_and_one_for_all(cli):
    result = cli("task", "random-permutation", "--seeds", 2, *SMALL)
    assert result.code == 0
    assert "random-permutation, length 5: of the seeds succeeded 2 of 2, after " in result.out
    assert result.out.count("success") >= 2
    assert result.err.count(": succeeded after") == 2
    assert result.err.splitlines()[-1].startswith("2 of 2; gru: random-permutation, length 5, seed ")


def test_task_as_json(cli):
    result = cli("task", "random-permutation", "--seeds", 2, "--seed", 3, "--json", "--quiet", *SMALL)
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert (found["success_rate"], found["capped"]) == (1, 0)
    assert found["seeds"] == [3, 4]
    assert {"steps", "seconds", "horizon_before", "horizon_after"} <= set(found)
    assert [trial["seed"] for trial in found["trials"]] == [3, 4]
    assert all(trial["ended"] == "success" for trial in found["trials"])


def test_task_tells_caps_from_failures(cli):
    result = cli("task", "adding", "--length", 10, "--seeds", 1, "--max-steps", 3, "--test-size", 200)
    assert result.code == 0
    assert "capped: updates" in result.out
    assert "adding, length 10: of the seeds succeeded 0 of 1 (1 capped); 0:0" in result.out


def test_task_takes_a_range_of_lengths(cli):
    result = cli(
        "task", "adding", "--length", "10-20", "--seeds", 1, "--max-steps", 3, "--test-size", 200, "--json"
    )
    assert json.loads(result.out)["settings"]["length"] == [10, 20]


def test_task_that_does_not_exist_gets_the_list(cli):
    result = cli("task", "order")
    assert result.code == 2
    assert "task 'order' found; expected one of temporal-order, " in result.err
    assert result.err.count("\n") == 1


def test_task_refuses_a_length_that_is_none(cli):
    for length in ("many", "5-", "5-6-7", "0", "-5"):
        result = cli("task", "adding", f"--length={length}")
        assert result.code == 2
        assert f"--length is {length}; expected a whole number above 0, or a range of two." in result.err


def test_help_lists_the_tasks(cli):
    said = " ".join(cli("task", "--help").out.split())
    for name in TASKS:
        assert name in said


def test_task_without_a_name_is_told(cli):
    result = cli("task")
    assert result.code == 2
    assert result.err.startswith("throughtime: NAME is missing; expected temporal-order, adding or another")


def test_task_that_is_interrupted_tells_what_it_has(cli, monkeypatch):
    run, ran = TaskTrial.run, []

    def interrupted(self, corpora):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(self)
        return run(self, corpora)

    monkeypatch.setattr(TaskTrial, "run", interrupted)
    result = cli("task", "random-permutation", "--seeds", 4, "--jobs", 1, "--json", "--quiet", *SMALL)
    assert result.code == 130
    assert json.loads(result.out)["seeds"] == [0, 1]
