"""Jobs in other processes: each once, with what all share, and none left behind."""

import os
import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

import throughtime as tt
from throughtime.cluster.processes import Processes, cores


def add(job, shared):
    return job + shared


def whoami(job, shared):
    return os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS")


def fail(job, shared):
    raise tt.TextError(f"job {job} is bad")


def die(job, shared):
    os.kill(os.getpid(), signal.SIGKILL)


def linger(job, shared):
    """Say who it is, then take longer than any test."""
    if job:
        (Path(shared) / str(os.getpid())).touch()
        time.sleep(600)
    while not list(Path(shared).iterdir()):
        time.sleep(0.01)


@pytest.mark.parametrize("width", [1, 2])
def test_each_job_is_run_once_with_what_all_share(width):
    assert dict(Processes(width).run(add, range(7), 100)) == {n: n + 100 for n in range(7)}


def test_one_at_a_time_is_run_here_and_several_elsewhere():
    here = {pid for _, (pid, _) in Processes(1).run(whoami, range(3), None)}
    assert here == {os.getpid()}
    there = dict(Processes(2).run(whoami, range(6), None))
    assert os.getpid() not in {pid for pid, _ in there.values()}
    assert {threads for _, threads in there.values()} == {"1"}


def test_environment_is_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = dict(os.environ)
    list(Processes(2).run(add, range(2), 0))
    assert dict(os.environ) == before


def test_error_of_a_job_is_its_own():
    with pytest.raises(tt.TextError, match="is bad"):
        list(Processes(2).run(fail, range(2), None))


def test_process_that_is_killed_is_told():
    with pytest.raises(tt.LostError, match="killed while it worked"):
        list(Processes(2).run(die, range(2), None))


def test_what_is_given_up_is_ended(tmp_path):
    running = Processes(2).run(linger, range(2), str(tmp_path))
    assert next(running) == (0, None)
    running.close()
    (worker,) = tmp_path.iterdir()
    assert int(worker.name) not in {child.pid for child in active_children()}
    with pytest.raises(ProcessLookupError):
        os.kill(int(worker.name), 0)


def test_default_width_is_a_core_each():
    assert Processes().width == cores() >= 1
