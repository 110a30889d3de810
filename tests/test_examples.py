"""Every example runs as a user runs it; what it claims is so."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

import throughtime as tt

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(path):
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout


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


@pytest.mark.slow
def test_digits_are_read_row_by_row():
    digits = run_path(str(EXAMPLES / "digits.py"))
    classifier = digits["SequenceClassifier"](random_state=0)
    assert digits["learn"](classifier, *digits["read"](), "row by row") > 0.96
    assert classifier.n_iter_ < classifier.max_iter


@pytest.mark.slow
def test_sunspots_are_forecast_better_than_by_last_years_number():
    found, count = run_path(str(EXAMPLES / "sunspots.py"))["forecast"]()
    persistence, linear, network = found.values()
    assert count == 88
    assert np.mean(network) < 0.65 * persistence[0]
    assert np.mean(network) < 1.15 * linear[0]
