"""Jobs on a Ray cluster: each once, those of a worker that dies again, and nothing left behind."""

import os
import signal
import sys
import time
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.cluster.until import alive, program, until, working
from tests.compare.conftest import TEXT, bursting, variant
from tests.study.test_study import SMALL

import throughtime as tt
from throughtime.cli.main import main
from throughtime.compare import compare
from throughtime.study.plan import read_study
from throughtime.study.run import run_study

pytest.importorskip("ray", reason="needs Ray: pip install 'throughtime[ray]'")

import ray

from throughtime.cluster import ray as module
from throughtime.cluster import ray_connection as connection
from throughtime.cluster.processes import Processes
from throughtime.cluster.ray import RayCluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two workers for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # or Ray writes a token into the home directory
        before = environment()
        with RayCluster("local", 2) as engine:
            patch.setenv("SET_BY_THE_CALLER", "1")
            yield engine
        assert environment() == before | {"SET_BY_THE_CALLER": "1"}
    assert not ray.is_initialized()


def environment():
    """But for what pytest changes from test to test."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def add(job, shared):
    return job + shared


def whoami(job, shared):
    return os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS"), tt.__file__, os.nice(0)


def fail(job, shared):
    raise tt.TextError(f"job {job} is bad")


def interruptible(job, shared):
    """Say who it is; one of the jobs then waits to be killed, if it is begun for the first time, others for that job."""
    number, what = job
    first = not list(Path(shared).glob(f"{number}-*"))
    (Path(shared) / f"{number}-{os.getpid()}").touch()
    if what == "waits" and first:
        time.sleep(600)
    if what == "waits for 12":
        until(lambda: list(Path(shared).glob("12-*")))
    return number


def die(job, shared):
    (Path(shared) / f"{job}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def pid_of(marker):
    return int(marker.name.partition("-")[2])


def test_each_job_is_run_once_with_what_all_share(cluster):
    assert cluster.width == 2
    ended = list(cluster.run(add, range(7), 100))
    assert sorted(ended) == [(n, n + 100) for n in range(7)]


def test_jobs_run_elsewhere_on_one_thread_with_the_same_modules(cluster):
    found = dict(cluster.run(whoami, range(6), None)).values()
    assert os.getpid() not in {pid for pid, *_ in found}
    assert {threads for _, threads, *_ in found} == {"1"}
    assert {file for _, _, file, _ in found} == {tt.__file__}
    assert {nice for *_, nice in found} == {os.nice(0)}  # as urgent as processes of our own


def test_program_hears_its_own_signals_and_the_cluster_this_machine_alone(cluster):
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


def test_error_of_a_job_is_its_own(cluster):
    with pytest.raises(tt.TextError, match="is bad") as caught:
        list(cluster.run(fail, range(2), None))
    assert type(caught.value) is tt.TextError


def test_job_of_a_worker_that_is_killed_is_run_again(cluster, tmp_path):
    # One that follows ends when job 12 has begun: a result then comes, after which it is there to be killed.
    jobs = [(n, {12: "waits", 13: "waits for 12"}.get(n)) for n in range(24)]
    killed, found = [], []
    for index, result in cluster.run(interruptible, jobs, str(tmp_path)):
        found.append((index, result))
        waiting = list(tmp_path.glob("12-*"))
        if waiting and not killed:
            killed.append(pid_of(waiting[0]))
            os.kill(killed[0], signal.SIGKILL)
    assert sorted(found) == [(n, n) for n in range(24)]
    runs = [marker.name.partition("-")[0] for marker in tmp_path.iterdir()]
    assert {n: runs.count(str(n)) for n in range(24)} == {n: 2 if n == 12 else 1 for n in range(24)}
    assert len({pid_of(marker) for marker in tmp_path.glob("12-*")} - {*killed}) == 1


def test_job_that_kills_each_worker_is_told_in_one_line(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RETRIES", 1)
    with pytest.raises(tt.LostError, match="a job was lost 2 times") as caught:
        list(cluster.run(die, [0], str(tmp_path)))
    assert "\n" not in str(caught.value)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_given_up_is_ended(cluster, tmp_path):
    running = cluster.run(interruptible, [(0, "waits"), (1, None)], str(tmp_path))
    assert next(running) == (1, 1)
    markers = until(lambda: list(tmp_path.glob("0-*")))
    running.close()
    until(lambda: not alive(pid_of(markers[0])))
    assert dict(cluster.run(add, range(2), 0)) == {0: 0, 1: 1}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ray.exceptions.OutOfMemoryError("x"), "a job was lost 4 times, as its process or its machine died (OutOf"),
        (ray.exceptions.RayError("one\ntwo."), "the Ray cluster has lost a job (RayError: one two); expected it to"),
    ],
)  # fmt: skip
def test_what_has_become_of_a_job_is_told_in_one_line(error, said):
    ended = Future()
    ended.set_exception(error)
    with pytest.raises(tt.LostError) as caught:
        module._result(ended, module._versions())
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_environment_is_the_caller_s_while_connected(cluster):
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    assert "RAY_task_oom_retries" not in os.environ


def test_ray_without_a_private_name_is_left_as_it_is():
    with connection._instead(connection, "_not_there", 1):
        assert not hasattr(connection, "_not_there")


def test_worker_with_another_version_is_told_in_one_line(cluster, monkeypatch):
    monkeypatch.setattr(module, "_versions", lambda: ("99.0", "3.99"))
    with pytest.raises(tt.LostError) as caught:
        list(cluster.run(add, range(2), 0))
    assert f"has throughtime {tt.__version__} in Python 3." in str(caught.value)
    assert "expected throughtime 99.0 in Python 3.99, as here." in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cluster_that_is_connected_is_used_and_stays(cluster):
    with RayCluster("auto", 1) as again:
        assert again.width == 1
        assert dict(again.run(add, range(3), 0)) == {0: 0, 1: 1, 2: 2}
    assert ray.is_initialized()
    with (
        pytest.raises(tt.ArgumentError, match="while this process is connected to"),
        RayCluster("10.0.0.1:6379"),
    ):
        pass


def test_cluster_that_does_not_answer_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(connection, "_PATIENCE", 1)
    with pytest.raises(
        tt.LostError, match=r"the Ray cluster 127.0.0.1:1 cannot be used \(no answer within 1 sec"
    ):
        connection._require_reachable("127.0.0.1:1")


def test_cluster_that_refuses_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(
        connection, "_PROBE", "print('Version mismatch:\\n    Python: 3.9'); raise SystemExit(1)"
    )
    with pytest.raises(
        tt.LostError, match=r"cannot be used \(Version mismatch: Python: 3.9\); expected one that"
    ):
        connection._require_reachable("auto")


def test_address_that_is_none_is_refused():
    with pytest.raises(tt.ArgumentError, match="Write local, auto, HOST:PORT"):
        RayCluster("nowhere")


def test_study_gives_the_same_numbers_as_in_processes(cluster, tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    study = read_study(tmp_path / "small.toml")
    there = run_study(study, tmp_path / "there", cluster)
    here = run_study(study, tmp_path / "here", Processes(1))
    assert [replace(each.result, seconds=0.0) for each in there] == [
        replace(each.result, seconds=0.0) for each in here
    ]


@pytest.mark.parametrize("sees_files", [True, False])
def test_comparison_gives_the_same_numbers_as_here(cluster, tmp_path, sees_files):
    variants = [variant("tanh"), bursting(), variant("gru", "gru")]
    with nullcontext(cluster) if sees_files else RayCluster("auto") as engine:
        assert engine.sees_files == sees_files
        there = compare(variants, TEXT, out=tmp_path / "there", engine=engine)
    here = compare(variants, TEXT, out=tmp_path / "here")
    assert [replace(each, seconds=0.0, stopped=None) for each in there.outcomes] == [
        replace(each, seconds=0.0, stopped=None) for each in here.outcomes
    ]
    for name in ("tanh", "burst", "gru"):
        weights = [(place / name / "model.safetensors").read_bytes() for place in (there.path, here.path)]
        assert weights[0] == weights[1]


def test_command_line_runs_trials_on_the_cluster_and_says_nothing_else(cluster, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = [
        "task",
        "random-permutation",
        "--length",
        "4",
        "--max-steps",
        "4",
        "--test-size",
        "100",
        "--seeds",
        "2",
    ]
    assert main([*task, "--ray", "local"]) == 0
    out, err = capfd.readouterr()
    assert "random-permutation, length 4: of the seeds succeeded 0 of 2 (2 capped); " in out
    assert [line[:6] for line in err.splitlines()] == ["1 of 2", "2 of 2"]


LONG = """
[settings]
task = "temporal-order"
max-steps = 100000000
[grid]
seed = [0, 1, 2, 3]
"""


@pytest.fixture
def place():
    """A temporary directory whose name is short: sockets lie in it."""
    with TemporaryDirectory() as path:
        yield path


@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_interrupted_study_leaves_no_process(tmp_path, place, number, said):
    (tmp_path / "long.toml").write_text(LONG)
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "disabled",
        "TMPDIR": place,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "throughtime", "study", "long.toml", "--ray", "local", "--jobs", "1"]
    with program(command, cwd=tmp_path, env=environment) as study:
        until(
            lambda: study.poll() is not None or any("ray::call" in each for each in working(study.pid)), 300
        )
        if number == signal.SIGINT:
            os.killpg(study.pid, number)  # as a terminal does
        else:
            study.send_signal(number)
        out, err = study.communicate(timeout=300)
        left = working(study.pid)
    assert (study.returncode, out) == (128 + number, "")
    assert err.startswith(f"throughtime: {said}; 0 trials have their results in studies/long. Go on with: ")
    assert err.endswith(" study long.toml --out studies/long --jobs 1 --ray local\n")
    assert err.count("\n") == 1
    assert left == []
    assert os.listdir(place) == []
