"""Every example runs as a user runs it; what it claims is so."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(path):
    if "import torch" in path.read_text(encoding="utf-8"):
        require_torch()
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
def test_diagnose_pytorch_finds_the_vanishing_gradient_and_mends_it(capsys):
    require_torch()
    done = run_path(str(EXAMPLES / "diagnose_pytorch.py"))
    said = capsys.readouterr().out
    assert "problem: vanishing" in said
    (typed,) = (line.removeprefix(">>> ") for line in said.splitlines() if line.startswith(">>> "))
    assert f"\n{typed}\n" in (EXAMPLES / "diagnose_pytorch.py").read_text(encoding="utf-8")
    assert done["flow"].curve().relative[done["DELAY"]] > 0.01


@pytest.fixture(scope="module")
def leaky_rate_unit():
    return run_path(str(EXAMPLES / "leaky_rate_unit.py"))


@pytest.mark.parametrize("name", ["leaky", "leaky_fixed"])
def test_leaky_rate_unit_keeps_the_contract(leaky_rate_unit, name):
    errors = tt.check_cell(leaky_rate_unit[name])
    assert max(error for kind, error in errors.items() if kind != "float32") < 1e-6


def test_leaky_rate_unit_has_the_same_gradients_with_its_leak_fixed_or_learned(leaky_rate_unit):
    x = np.random.default_rng(0).standard_normal((7, 3, 2))
    fixed, learned = (
        tt.Recurrent(leaky_rate_unit[name], 2, 4, 2, dtype="float64", seed=0)
        for name in ("leaky_fixed", "leaky")
    )
    learned.params |= fixed.params
    results = []
    for layer in (fixed, learned):
        y, _, trace = layer.forward(x)
        dx, grads, _ = layer.backward(trace, np.cos(y), truncation=tt.Window(3))
        results.append({"y": y, "dx": dx, **grads})
    for name, expected in results[0].items():
        np.testing.assert_allclose(results[1][name], expected, rtol=1e-12, atol=1e-14)
    assert set(results[1]) - set(results[0]) == {"alpha_l0", "alpha_l1"}


@pytest.mark.parametrize("name", ["leaky", "leaky_fixed"])
def test_leaky_rate_unit_learns_to_integrate(leaky_rate_unit, name):
    model, losses = leaky_rate_unit["train"](leaky_rate_unit[name], steps=120)
    assert np.mean(losses[:10]) > 0.5
    assert np.mean(losses[-10:]) < 0.2
    assert leaky_rate_unit["accuracy"](model) > 0.9
