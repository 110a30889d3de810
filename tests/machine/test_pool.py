"""Work on plain threads: in order, in the caller's conditions, ended when it says so."""

import os
import signal
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from throughtime.machine.jit import COMPILING
from throughtime.machine.pool import side_by_side
from throughtime.machine.threads import single_threaded_blas


def test_results_are_in_order_and_the_first_is_the_callers():
    threads = side_by_side(lambda n: (n, threading.get_ident()), 3)
    assert [n for n, _ in threads] == [0, 1, 2]
    assert threads[0][1] == threading.get_ident()
    assert threading.get_ident() not in [thread for _, thread in threads[1:]]


def test_threads_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=60)
    assert sorted(side_by_side(lambda n: meeting.wait(), 3)) == [0, 1, 2]


def test_threads_are_kept_for_the_next_call():
    found = {side_by_side(lambda n: threading.get_ident(), 2)[1] for _ in range(5)}
    assert len(found) == 1


@pytest.mark.skipif(not COMPILING, reason="nothing is flushed here")
def test_every_thread_flushes_denormals_and_the_callers_setting_comes_back():
    tiny = np.full(64, np.finfo(np.float32).tiny)
    flushed = side_by_side(lambda n: (tiny / 4 == 0).all(), 3)
    assert all(flushed)
    assert (tiny / 4 > 0).all()


def test_blas_has_its_threads_back_afterwards():
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with single_threaded_blas():  # the libraries are loaded now
        pass
    with threadpool_limits(2, user_api="blas"):
        assert side_by_side(lambda n: threads(), 3) == [{1}] * 3
        assert threads() == {2}


def test_every_thread_has_the_callers_errstate():
    def overflow(n):
        return np.float32(3e38) * np.float32(10)

    with np.errstate(over="ignore"):
        assert np.isinf(side_by_side(overflow, 3)).all()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        side_by_side(lambda n: overflow(n) if n else 0, 2)


@pytest.mark.parametrize("wrong", [{0}, {2}, {1, 2}, {0, 1, 2}])
def test_the_first_exception_is_raised_after_all_have_ended(wrong):
    ended, first_is_over = [], threading.Event()

    def work(n):
        if n == 0:
            first_is_over.set()
        else:
            first_is_over.wait()
            sum(range(1_000_000))
        ended.append(n)
        if n in wrong:
            raise ValueError(n)

    with pytest.raises(ValueError, match=f"^{min(wrong)}$"):
        side_by_side(work, 3)
    assert sorted(ended) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: of threads and fork
def test_a_forked_child_has_threads_of_its_own():
    side_by_side(lambda n: n, 2)
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # rather than wait for ever
        os._exit(7 if side_by_side(lambda n: n, 2) == [0, 1] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
