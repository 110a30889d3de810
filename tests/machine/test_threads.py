import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from throughtime.machine.threads import single_threaded_blas


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_inside_and_its_own_number_after():
    with single_threaded_blas():  # the libraries are loaded now
        pass
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with single_threaded_blas():
            assert blas_threads() == {1}
        assert blas_threads() == before == {2}


def test_exception_gives_blas_its_threads_back():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), single_threaded_blas():
            _ = 1 / 0
        assert blas_threads() == {2}


def test_blas_keeps_its_one_thread_until_the_last_of_several_blocks_ends():
    with threadpool_limits(2, user_api="blas"):
        first, second = single_threaded_blas(), single_threaded_blas()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_in_the_midst_of_many_blocks_leaves_the_child_able_to_open_one():
    code = """
import os, threading, warnings
from throughtime.machine.threads import single_threaded_blas
warnings.simplefilter("ignore")  # that threads are running
done = False
def busy():
    while not done:
        with single_threaded_blas():
            pass
with single_threaded_blas():
    pass
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for _ in range(60):
    child = os.fork()
    if not child:
        with single_threaded_blas():
            os._exit(0)
    children.append(child)
done = True
for thread in threads:
    thread.join()
print(sum(os.waitpid(child, 0)[1] for child in children))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_forked_while_another_thread_is_in_a_block_holds_blas_by_itself():
    code = """
import os, threading, warnings
from threadpoolctl import threadpool_info, threadpool_limits
from throughtime.machine.threads import single_threaded_blas
warnings.simplefilter("ignore")  # that threads are running
def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
with single_threaded_blas():
    pass
threadpool_limits(2, user_api="blas")
within, done = threading.Event(), threading.Event()
def other():
    with single_threaded_blas():
        within.set()
        done.wait()
thread = threading.Thread(target=other)
thread.start()
within.wait()
child = os.fork()
if not child:
    before = threads()
    with single_threaded_blas():
        during = threads()
    os._exit(0 if (before, during, threads()) == ({2}, {1}, {2}) else 1)
done.set()
thread.join()
print(os.waitpid(child, 0)[1], threads())
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "0 {2}"
