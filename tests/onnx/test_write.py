from pathlib import Path

import numpy as np
import pytest
import tests.onnx.session as ort
from numpy.testing import assert_allclose

import throughtime as tt
from throughtime.onnx import export
from throughtime.training.run import Run


@pytest.fixture(scope="module")
def run() -> Run:
    tokenizer = tt.Tokenizer.train("to be or not to be")
    return Run(None, {}, tt.LanguageModel(tokenizer.vocab_size, 6, "gru", seed=0), tokenizer)


def content(place: Path) -> dict[str, bytes]:
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


def test_export_of_a_run_brings_its_tokenizer(run, tmp_path):
    found = export(run, tmp_path / "a" / "model")
    assert found.path == tmp_path / "a" / "model"
    assert {*content(found.path)} == {*found.files} == {"sequence.onnx", "step.onnx", "tokenizer.json"}
    assert tt.Tokenizer.load(found.path / "tokenizer.json").tokens == run.tokenizer.tokens
    assert 0 < found.error < 1e-5
    assert not found.rounded
    assert {entry.name for entry in tmp_path.iterdir()} == {"a"}  # nothing half done is left
    inputs, h = np.array([[3], [4]]), np.zeros((1, 1, 6), np.float32)
    given = ort.run(ort.session(found.path / "sequence.onnx"), ids=inputs, h=h)
    assert_allclose(given["logits"], run.model.forward(inputs)[0], rtol=0, atol=1e-6)


def test_export_of_a_model_in_float64_says_that_it_was_rounded(tmp_path):
    found = export(tt.SequenceModel(2, 4, 1, dtype="float64", seed=0), tmp_path / "model")
    assert found.rounded
    assert found.files == ("sequence.onnx", "step.onnx")


def test_export_takes_the_place_of_an_earlier_one_alone(run, tmp_path):
    place = tmp_path / "model"
    export(run, place)
    again = tt.LanguageModel(run.tokenizer.vocab_size, 6, "gru", seed=1)
    before = content(place)
    export(Run(None, {}, again, run.tokenizer), place)
    after = content(place)
    assert before.keys() == after.keys()
    assert before["step.onnx"] != after["step.onnx"]
    (place / "notes.txt").write_text("mine")
    with pytest.raises(tt.RunError, match=r"already holds notes.txt, which no such export has written"):
        export(run, place)
    assert content(place) == {**after, "notes.txt": b"mine"}


@pytest.mark.parametrize(
    "theirs", [b"", b"notes", ort.onnx.ModelProto(producer_name="pytorch").SerializeToString()]
)
def test_export_spares_a_graph_that_is_not_its_own(theirs, run, tmp_path):
    (tmp_path / "step.onnx").write_bytes(theirs)
    with pytest.raises(tt.RunError, match=r"already holds step.onnx, which"):
        export(run, tmp_path)
    assert (tmp_path / "step.onnx").read_bytes() == theirs


def test_export_that_fails_writes_nothing(run, tmp_path, monkeypatch):
    wrong = tt.LanguageModel(run.tokenizer.vocab_size, 6, "gru", seed=1)
    from throughtime.onnx import graph

    monkeypatch.setattr("throughtime.onnx.write.step_graph", lambda model: graph.step_graph(wrong))
    with pytest.raises(tt.WorkFailed, match=r"the step graph's logits is .* away from the model's; expected"):
        export(run, tmp_path / "model")
    assert [*tmp_path.iterdir()] == []


def test_export_refuses_weights_that_are_not_finite(tmp_path):
    model = tt.SequenceModel(2, 4, 1, seed=0)
    model.params["readout.bias"][0] = np.nan
    with pytest.raises(
        tt.DivergedError, match=r"readout.bias is not finite in float32; expected finite weights"
    ):
        export(model, tmp_path / "model")
    large = tt.SequenceModel(2, 4, 1, dtype="float64", seed=0)
    large.params["readout.bias"][0] = 1e40
    with pytest.raises(
        tt.DivergedError, match=r"readout.bias is not finite in float32; expected finite weights"
    ):
        export(large, tmp_path / "model")
    assert [*tmp_path.iterdir()] == []


def test_export_refuses_what_is_no_model(tmp_path):
    with pytest.raises(tt.ArgumentError, match="a GRU found; expected a LanguageModel, a SequenceModel"):
        export(tt.GRU(2, 3), tmp_path / "model")
