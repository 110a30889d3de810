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


def run(directory, alpha=0.5, nonlinearity=NONLINEARITY):
    """(loaded, compiled), and two numbers that the layer computes, in a process of its own."""
    (directory / "nonlinearity.py").write_text(nonlinearity)
    (directory / "my_cell.py").write_text(f"ALPHA = {alpha}\n{CELL}")
    env = {**os.environ, "NUMBA_CACHE_DIR": str(directory / "cache"), "PYTHONPATH": str(directory)}
    env.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, compiled, *sums = done.stdout.split()
    return (int(loaded), int(compiled)), tuple(map(float, sums))


def test_second_process_compiles_nothing_and_an_edited_cell_only_its_sweeps(tmp_path):
    (loaded, compiled), sums = run(tmp_path)
    assert loaded == 0
    assert compiled >= 2  # unroll and reverse, and what every sweep uses

    assert run(tmp_path) == ((compiled, 0), sums)

    counts, edited = run(tmp_path, alpha=0.25)
    assert counts == (compiled - 2, 2)
    assert edited[0] != pytest.approx(sums[0], rel=1e-3)

    assert run(tmp_path) == ((compiled, 0), sums)  # the old one is still there


def test_edit_of_a_function_that_the_cell_calls_in_another_file_is_seen(tmp_path):
    _, sums = run(tmp_path)
    counts, edited = run(tmp_path, nonlinearity=NONLINEARITY.replace("tanh(x)", "x"))
    assert counts[1] == 2
    assert edited[0] != pytest.approx(sums[0], rel=1e-3)
