import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.cli.conftest import TEXT

import throughtime as tt


@pytest.fixture(scope="module")
def theirs(trained, tmp_path_factory):
    """Weights by names that people use, and their symbols; not to be changed."""
    place = tmp_path_factory.mktemp("theirs")
    run = tt.load(trained)
    weights = {f"model.{name}": np.ascontiguousarray(array) for name, array in run.model.params.items()}
    save_file(
        {name.replace("readout", "decoder"): array for name, array in weights.items()},
        place / "net.safetensors",
    )
    (place / "symbols.json").write_text(json.dumps(run.tokenizer.tokens))
    return place


def test_imported_run_works_with_every_verb(cli, theirs, trained, corpus):
    result = cli("import", theirs / "net.safetensors", "--tokenizer", theirs / "symbols.json")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("lstm, 1 layer of 12, one-hot input, 21 characters, float32:\n")
    assert "  readout.weight    from model.decoder.weight\n" in result.out
    assert "The run lies in runs/net. Try next:" in result.out
    scores = [json.loads(cli("eval", run, corpus, "--json").out)["loss"] for run in ("runs/net", trained)]
    assert scores[0] == scores[1]
    text = cli("generate", "runs/net", "--length", "20", "--seed", "1")
    assert text == cli("generate", trained, "--length", "20", "--seed", "1")
    flow = cli("flow", "runs/net", corpus, "--max-lag", "20", "--html", "flow.html")
    assert flow.code == 0
    assert flow.out.startswith("runs/net: lstm 12, imported\n")
    assert "truncation" not in flow.out
    assert json.loads(cli("flow", "runs/net", corpus, "--max-lag", "20", "--json").out)["truncation"] is None
    with open("flow.html", encoding="utf-8") as page:
        assert f"imported from {theirs / 'net.safetensors'}" in page.read()
    assert "net  lstm 12  char      -           -" in cli("runs").out.splitlines()[1]
    assert cli("runs").out.rstrip().endswith("imported")
    assert cli("replay", "runs/net").out == "runs/net met no incident.\n"
    assert cli("export", "runs/net", "--format", "torch").code == 0
    ours = load_file("runs/net/torch/model.safetensors")
    for name, array in tt.load(trained).model.params.items():
        np.testing.assert_array_equal(ours[name], array)


@pytest.mark.parametrize(
    ("file", "run"),
    [
        ("net.safetensors", "net"),
        ("theirs/model.safetensors", "theirs"),
        ("mine/torch/model.safetensors", "mine"),
    ],
)
def test_an_imported_run_is_called_as_its_file_or_what_holds_an_export(file, run, cli, theirs, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(theirs / "net.safetensors", tmp_path / file)
    for name in (run, f"{run}-2"):
        out = cli("import", file, "--tokenizer", theirs / "symbols.json").out
        assert f"The run lies in runs/{name}. Try next:" in out


def test_import_json(cli, theirs):
    result = cli(
        "import",
        theirs / "net.safetensors",
        "--tokenizer",
        theirs / "symbols.json",
        "--out",
        "mine",
        "--json",
    )
    found = json.loads(result.out)
    assert result.err == ""
    assert found["run"] == "mine"
    assert (found["unit"], found["notes"]) == ("char", [])
    assert found["model"]["hidden_size"] == 12
    assert found["names"]["readout.bias"] == "model.decoder.bias"


def test_imported_run_has_nothing_to_resume(cli, theirs):
    cli("import", theirs / "net.safetensors", "--tokenizer", theirs / "symbols.json", "--out", "mine")
    result = cli("train", "--resume", "--out", "mine")
    assert (result.code, result.out) == (2, "")
    assert "mine was imported from" in result.err
    assert "expected a run that was trained here, to go on with it" in result.err
    without_text = cli("flow", "mine")
    assert without_text.code == 2
    assert "without a text; expected one to measure on. Name one after the run." in without_text.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["none.safetensors"], "none.safetensors cannot be read (No such file or directory); expected weights"),
        (["text.txt"], "text.txt is no file of safetensors"),
        (["--tokenizer", "text.txt"], "text.txt has an empty line, 3; expected a symbol in each"),
        (["--tokenizer", "few.json"], "few.json has 2 symbols; expected 21, as the model has"),
        (["--nonlinearity", "tanh"], "nonlinearity 'tanh' found with the weights of a lstm; expected it for a plain"),
        (["--nonlinearity", "sigmoid"], "--nonlinearity is 'sigmoid'; expected one of tanh, relu"),
        (["--unit", "bpe"], "--unit is 'bpe'; expected one of char, word"),
        (["--readout", "head"], "readout 'head' found, which is no matrix of the file; expected one of model.decoder"),
        (["--out", "text.txt"], "text.txt is a file; expected a new or empty directory"),
    ],
)  # fmt: skip
def test_import_refuses_bad_input(change, message, cli, theirs, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "few.json").write_text('["a", "b"]')
    shutil.copy(theirs / "net.safetensors", tmp_path)
    shutil.copy(theirs / "symbols.json", tmp_path)
    before = {*tmp_path.rglob("*")}
    weights = [] if not change[0].startswith("--") else ["net.safetensors"]
    more = [] if "--tokenizer" in change else ["--tokenizer", "symbols.json"]
    result = cli("import", *weights, *more, *change)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert {*tmp_path.rglob("*")} == before


def test_import_needs_a_vocabulary(cli):
    result = cli("import", "net.safetensors")
    assert result.err == (
        "throughtime: --tokenizer is missing; expected a file of the model's symbols in the order of their ids, as JSON, a "
        "list or an object, or one a line. See throughtime import --help.\n"
    )
