"""A second process compiles nothing; an edited cell is compiled again, and its new equations run."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

NONLINEARITY = """
from throughtime.cells import equation, tanh

@equation
def squash(x):
    return tanh(x)
"""

CELL = """
from nonlinearity import squash
from throughtime.cells import Cell, tanh_slope

def forward(a, state):
    (h_prev,) = state
    n = squash(a[0])
    return (h_prev + type(n)(ALPHA) * (n - h_prev),), (n,)

def backward(dstate, kept, state_prev, state):
    (dh,), (n,) = dstate, kept
    alpha = type(n)(ALPHA)
    return (dh * alpha * tanh_slope(n),), (dh - dh * alpha,)

cell = Cell("leaky", forward, backward, gates=["n"])
"""

RUN = """
import numpy as np
from my_cell import cell
from throughtime.machine.jit import cache_counts
from throughtime.networks.layer import Recurrent

layer = Recurrent(cell, 2, 3, seed=0)
y, state, trace = layer.forward(np.ones((4, 1, 2), np.float32))
dx, grads, _ = layer.backward(trace, y)
print(*cache_counts(), y.sum(), dx.sum())
"""


def run(directory, alpha=0.5, nonlinearity=NONLINEARITY, script=RUN):
    """(loaded, compiled), and two numbers that the layer computes, in a process of its own."""
    (directory / "nonlinearity.py").write_text(nonlinearity)
    (directory / "my_cell.py").write_text(f"ALPHA = {alpha}\n{CELL}")
    path = os.pathsep.join([str(directory), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "NUMBA_CACHE_DIR": str(directory / "cache"), "PYTHONPATH": path}
    env.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded, compiled, *sums = done.stdout.split()
    return (int(loaded), int(compiled)), tuple(map(float, sums))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The directory of a first run, and what it counted and computed."""
    directory = tmp_path_factory.mktemp("first")
    return directory, *run(directory)


def test_first_process_compiles_and_the_second_nothing(first):
    directory, (loaded, compiled), sums = first
    assert loaded == 0
    assert compiled >= 2  # unroll and reverse, and what every sweep uses
    (loaded, compiled), again = run(directory)
    assert (loaded >= 2, compiled, again) == (True, 0, sums)


def test_cell_whose_module_has_no_name_is_loaded_too(first):
    directory, _, sums = first
    by_path = f'import runpy; cell = runpy.run_path({str(directory / "my_cell.py")!r})["cell"]'
    script = RUN.replace("from my_cell import cell", by_path)
    (_, compiled), again = run(directory, script=script)
    assert (compiled, again) == (0, sums)
    _, other = run(directory, alpha=0.125, script=script)
    (_, compiled), again = run(directory, alpha=0.125, script=script)
    assert (compiled, again) == (0, other)


def test_edited_cell_is_compiled_again(first):
    directory, _, sums = first
    (_, compiled), edited = run(directory, alpha=0.25)
    assert compiled == 2
    assert edited[0] != pytest.approx(sums[0], rel=1e-3)


def test_edit_of_a_function_that_the_cell_calls_in_another_file_is_seen(first):
    directory, _, sums = first
    (_, compiled), edited = run(directory, nonlinearity=NONLINEARITY.replace("tanh(x)", "x"))
    assert compiled == 1  # unroll: the way back does not call it
    assert edited[0] != pytest.approx(sums[0], rel=1e-3)
