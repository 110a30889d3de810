"""Every example runs as a user runs it; what it claims is so."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt
from throughtime.study.plan import read_study
from throughtime.training.run import Run

EXAMPLES = Path(__file__).parents[1] / "examples"
# What a user has before it runs, tested apart.
WITH_A_MODEL = {"generate_onnx"}


def start_example(name, *arguments):
    return subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def run_example(name, *arguments):
    done = start_example(name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({path.stem for path in EXAMPLES.glob("*.py")} - WITH_A_MODEL))
def test_example_runs(name):
    if "import torch" in (EXAMPLES / f"{name}.py").read_text(encoding="utf-8"):
        require_torch()
    assert run_example(name)


@pytest.mark.parametrize(
    ("cell", "unit", "vocabulary"),
    [("lstm", "char", None), ("gru", "bpe", 270), ("rnn", "word", None), ("gru", "elsewhere", "tobernkf ")],
)
def test_generate_onnx_writes_in_the_letters_of_the_model(cell, unit, vocabulary, tmp_path):
    onnx = pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    if unit == "elsewhere":  # without special tokens
        tokenizer = tt.Tokenizer.of(vocabulary)
    else:
        tokenizer = tt.Tokenizer.train("to be or not to be", unit, vocabulary)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, cell, num_layers=2, seed=0)
    onnx.export(Run(None, {}, model, tokenizer), tmp_path / "model")
    text = run_example("generate_onnx", tmp_path / "model", "to be")
    assert text.startswith("to be")
    # Each of 300 tokens is a letter at least; but of bytes up to four make one, as it happens.
    assert len(text) > (300 // 4 if unit == "bpe" else 300)
    if unit != "bpe":
        assert {*text} <= {*"tobernkf ", "\n"}


@pytest.fixture
def exported(tmp_path):
    """A model with marks of its own, all but certain to write one."""
    onnx = pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    tokenizer = tt.Tokenizer.of(["[UNK]", "<pad>", "a", "b"])
    model = tt.LanguageModel(4, 8, "gru", seed=0)
    model.params["readout.bias"][:2] = 50
    return onnx.export(Run(None, {}, model, tokenizer), tmp_path / "model").path


def test_generate_onnx_writes_no_mark(exported):
    assert {*run_example("generate_onnx", exported, "ab")} == {*"ab", "\n"}


def test_generate_onnx_says_in_a_line_what_it_lacks(exported):
    onnx = pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    tokenizer, model = tt.Tokenizer.of("ab"), tt.LanguageModel(2, 8, "gru", seed=0)
    onnx.export(Run(None, {}, model, tokenizer), exported)
    for arguments, message in (
        ([], "Usage: python examples/generate_onnx.py runs/mine/onnx"),
        ([exported, ""], "The prompt is empty; give"),
        ([exported, "aX"], "'aX' has what the model's vocabulary lacks"),
    ):
        done = start_example("generate_onnx", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert message in done.stderr


def test_generate_onnx_needs_no_throughtime():
    source = (EXAMPLES / "generate_onnx.py").read_text(encoding="utf-8")
    imports = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert imports == [
        "import json", "import sys", "import numpy as np", "import onnxruntime", "from tokenizers import Tokenizer"
    ]  # fmt: skip


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


@pytest.mark.slow
def test_digits_are_read_row_by_row():
    digits = run_path(str(EXAMPLES / "digits.py"))
    classifier = digits["SequenceClassifier"](random_state=0)
    assert digits["learn"](classifier, *digits["read"](), "row by row") > 0.96
    assert classifier.n_iter_ < classifier.max_iter


@pytest.mark.slow
def test_sunspots_are_forecast_about_as_well_as_by_a_linear_model_and_far_better_than_by_last_years_number():
    found, count = run_path(str(EXAMPLES / "sunspots.py"))["forecast"]()
    persistence, linear, network = found.values()
    assert count == 88
    assert np.mean(network) < 0.6 * persistence[0]
    assert np.mean(network) == pytest.approx(linear[0], rel=0.1)


def test_study_of_gates_is_one():
    study = read_study(EXAMPLES / "adding.toml")
    assert len(study.trials) == 5 * 5
    assert {each.trial.cell for each in study.trials} == {"rnn", "lstm", "gru"}


def test_pascanus_study_is_one():
    study = read_study(EXAMPLES / "pascanu.toml")
    assert len(study.trials) == 4 * 6 * 5
    assert {each.trial.task for each in study.trials} == {"temporal-order"}
