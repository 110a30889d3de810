import json
import shutil
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

import throughtime as tt


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, to be written in."""
    return shutil.copytree(trained, tmp_path / "run")


def names(place):
    return {entry.name for entry in place.iterdir()}


def test_export_to_onnx_writes_two_graphs_and_the_tokenizer(cli, run):
    pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    result = cli("export", run, "--format", "onnx")
    assert (result.code, result.err) == (0, "")
    assert names(run / "onnx") == {"sequence.onnx", "step.onnx", "tokenizer.json"}
    assert f"sequence.onnx, step.onnx, tokenizer.json lie in {run / 'onnx'}." in result.out
    assert "In onnxruntime they give what the model gives, within " in result.out
    again = cli("export", run, "--format", "onnx", "--json")
    found = json.loads(again.out)
    assert {**found, "error": None} == {
        "run": str(run),
        "format": "onnx",
        "out": str(run / "onnx"),
        "files": ["sequence.onnx", "step.onnx", "tokenizer.json"],
        "error": None,
        "tolerance": 1e-5,
        "rounded": False,
    }
    assert 0 < found["error"] < 1e-6
    assert tt.load(run)  # it is none the worse for it


def test_export_to_torch_writes_weights_and_the_module(cli, run, tmp_path):
    result = cli("export", run, "--format", "torch", "--out", tmp_path / "model")
    assert (result.code, result.err) == (0, "")
    assert names(tmp_path / "model") == {"model.safetensors", "model.py", "tokenizer.json"}
    weights = load_file(tmp_path / "model" / "model.safetensors")
    np.testing.assert_array_equal(weights["readout.bias"], tt.load(run).model.params["readout.bias"])
    found = json.loads(cli("export", run, "--format", "torch", "--json").out)
    assert found == {
        "run": str(run),
        "format": "torch",
        "out": str(run / "torch"),
        "files": ["model.safetensors", "model.py", "tokenizer.json"],
    }


def test_export_says_that_float64_was_rounded(cli, tmp_path):
    pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    model = tt.LanguageModel(5, 4, seed=0, dtype="float64")
    tt.fit(model, np.arange(90) % 5, max_steps=1, out=tmp_path / "run")
    result = cli("export", tmp_path / "run", "--format", "onnx")
    assert "float64 was rounded to float32" in result.out
    assert names(tmp_path / "run" / "onnx") == {"sequence.onnx", "step.onnx"}


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_export_without_the_extra_says_so_before_it_looks_at_the_run(package, cli, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("throughtime.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(tt, "onnx", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    result = cli("export", "nowhere", "--format", "onnx")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"throughtime: {package} is not installed; expected it for what was asked. "
        "Type: pip install 'throughtime[onnx]'.\n"
    )


def test_export_refuses_bad_input(cli, run, tmp_path):
    for arguments, message in (
        (["nowhere", "--format", "torch"], "nowhere does not exist; expected a run directory"),
        ([run], "--format is missing; expected one of onnx, torch"),
        ([run, "--format", "pickle"], "--format is 'pickle'; expected one of onnx, torch"),
        (
            [run, "--format", "torch", "--out", run],
            "already holds checkpoints, which no such export has written",
        ),
    ):
        result = cli("export", *arguments)
        assert (result.code, result.out) == (2, "")
        assert message in result.err
        assert result.err.count("\n") == 1
    assert names(tmp_path) == {"run"}
    assert tt.load(run)


def test_export_that_fails_ends_with_1(cli, run, monkeypatch):
    pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    monkeypatch.setattr("throughtime.onnx.verify.TOLERANCE", 1e-12)
    monkeypatch.setattr("throughtime.onnx.verify._OF_ITS_OWN", 0)
    result = cli("export", run, "--format", "onnx")
    assert (result.code, result.out) == (1, "")
    assert " of the largest value away from the model's; expected at most 1e-12. Nothing was" in result.err
    assert not (run / "onnx").exists()


def test_export_tells_why_a_chaotic_network_differs(cli, tmp_path):
    pytest.importorskip("throughtime.onnx", exc_type=tt.MissingError)
    model = tt.LanguageModel(9, 60, "rnn", seed=0)
    for array in model.params.values():
        array *= 12
    tt.fit(model, np.arange(90) % 9, optimizer=tt.SGD(1e-9), max_steps=1, out=tmp_path / "run")
    result = cli("export", tmp_path / "run", "--format", "onnx")
    assert (result.code, result.err) == (0, "")
    assert "That is rounding: the network is chaotic, and makes much of its own, too." in result.out
