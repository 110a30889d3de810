"""Jobs in other processes: each once, with what all share, and none left behind."""

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest
from tests.cluster.until import alive, until

import throughtime as tt
from throughtime.cluster.processes import Processes, _signals_afterwards, cores
from throughtime.cluster.waiting import next_ended


def add(job, shared):
    return job + shared


def whoami(job, shared):
    return os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS")


def fail(job, shared):
    raise tt.TextError(f"job {job} is bad")


def die(job, shared):
    os.kill(os.getpid(), signal.SIGKILL)


def mark(job, shared):
    (Path(shared) / str(os.getpid())).touch()
    time.sleep(600)


def linger(job, shared):
    """Say who it is, then take longer than any test; the first job waits for the second one to have begun."""
    if job:
        mark(job, shared)
    until(lambda: list(Path(shared).iterdir()))


def fail_last(job, shared):
    """Job 1 fails as soon as job 0 has its result."""
    if job:
        until(lambda: list(Path(shared).iterdir()))
        raise tt.TextError("job 1 is bad")
    (Path(shared) / "done").touch()
    return "done"


def fail_late(job, shared):
    """Job 0 ends at once, job 1 fails when it is told to, and job 2 never ends."""
    if job == 1:
        until((Path(shared) / "fail").exists)
        raise tt.TextError("job 1 is bad")
    if job == 2:
        mark(job, shared)


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
    mine = get_context("spawn").Process(target=time.sleep, args=(600,), daemon=True)
    mine.start()  # by the caller, while the jobs run
    running.close()
    (worker,) = tmp_path.iterdir()
    assert active_children() == [mine]
    assert not alive(int(worker.name))
    mine.kill()
    mine.join()


def test_other_jobs_are_ended_where_one_fails(tmp_path):
    running = Processes(3).run(fail_late, range(3), str(tmp_path))
    assert next(running) == (0, None)
    until(lambda: list(tmp_path.iterdir()))
    (worker,) = tmp_path.iterdir()
    (tmp_path / "fail").touch()
    with pytest.raises(tt.TextError, match="job 1 is bad"):
        next(running)
    assert not alive(int(worker.name))


def test_results_come_before_an_error_of_another_job(tmp_path):
    for _ in range(3):
        running = Processes(2).run(fail_last, range(2), str(tmp_path))
        assert next(running) == (0, "done")
        with pytest.raises(tt.TextError, match="job 1 is bad"):
            next(running)
        (tmp_path / "done").unlink()


def test_an_error_is_taken_last_of_what_has_ended():
    good, bad, running = Future(), Future(), Future()
    bad.set_exception(tt.TextError("bad"))
    good.set_result(1)
    assert next_ended([bad, good, running]) is good
    assert next_ended([bad, running]) is bad


def test_job_that_is_terminated_is_told(tmp_path):
    running = Processes(2).run(linger, range(2), str(tmp_path))
    assert next(running) == (0, None)
    (worker,) = tmp_path.iterdir()
    os.kill(int(worker.name), signal.SIGTERM)
    with pytest.raises(tt.LostError, match="killed while it worked"):
        next(running)


def test_interruption_comes_back_from_another_process():
    found = pickle.loads(pickle.dumps(tt.Interrupted("interrupted at step 3.", 15)))
    assert (type(found), str(found), found.signal) == (tt.Interrupted, "interrupted at step 3.", 15)


def test_signals_are_heard_when_the_processes_have_begun():
    reached = False
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012, SIM117 - what comes after the signal is what is tested
        with _signals_afterwards():
            signal.raise_signal(signal.SIGINT)
            reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


PROGRAM = """
from operator import add
from throughtime.cluster.processes import Processes
from throughtime import LostError
try:
    print(dict(Processes(2).run(add, [1, 2], 10)))
except LostError as error:
    print(error)
"""


@pytest.mark.parametrize("shared", ["10", "'10' * 10**6"])
def test_program_that_cannot_be_imported_is_told_so(tmp_path, shared):
    found = subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM.replace("10)", f"{shared})"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert found.stdout.startswith(
        "the processes that were to work did not start; expected a program in a file"
    )
    assert found.stdout.endswith('Call it under if __name__ == "__main__":.\n')


def test_default_width_is_a_core_each():
    assert Processes().width == cores() >= 1
