import json
import tomllib

import pytest
from tests.cli.conftest import TEXT

import throughtime as tt
from throughtime.cli.main import main

TINY = ["--hidden-size", "6", "--batch-size", "4", "--seq-len", "10", "--lr", "0.02", "--max-steps", "12"]


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """The cells, compared; not to be changed."""
    place = tmp_path_factory.mktemp("compared")
    (place / "text.txt").write_text(TEXT, encoding="utf-8")
    assert (
        main(["compare", str(place / "text.txt"), "--out", str(place / "c"), *TINY, "--quiet", "--json"]) == 0
    )
    return place / "c"


def variants_of(result) -> dict[str, dict]:
    return {each["variant"]: each for each in json.loads(result.out)["variants"]}


def test_compare_json_is_one_object_and_progress_goes_to_stderr(cli, corpus):
    result = cli(
        "compare", corpus, "--out", "c", "--variant", "a", "--variant", "b: --cell gru", "--json", *TINY
    )
    assert result.code == 0
    assert result.out.count("\n") == 1
    found = json.loads(result.out)
    assert found["comparison"] == "c"
    assert found["variants"][1]["options"] == {"cell": "gru"}
    assert "a, 1 of 2" in result.err
    assert "b, 2 of 2" in result.err


def test_compare_forks_into_the_cells(compared):
    configs = {name: tt.load(compared / name).config for name in ("tanh", "sigmoid", "relu", "lstm", "gru")}
    found = {
        name: (c["model"]["cell"], c["model"]["nonlinearity"], c["model"]["init"])
        for name, c in configs.items()
    }
    assert found == {
        "tanh": ("rnn", "tanh", "default"),
        "sigmoid": ("rnn", "sigmoid", "default"),
        "relu": ("rnn", "relu", "default,weight_hh=identity,bias=zero"),
        "lstm": ("lstm", "tanh", "default"),
        "gru": ("gru", "tanh", "default"),
    }


def test_compare_says_what_came_of_it_and_what_to_try_next(cli, corpus):
    result = cli("compare", corpus, "--out", "c", "--variant", "a", "--variant", "b: --cell gru", *TINY)
    assert result.code == 0
    head, *lines = result.out.splitlines()
    assert head.split() == ["variant", "parameters", "bits/char", "horizon", "half-life", "time"]
    assert [line.split()[0] for line in lines[:2]] == ["a", "b"]
    assert "On the held-out text" in result.out
    assert "c/compare.html" in result.out
    assert "throughtime flow c/a" in result.out


def test_compare_tells_a_divergence_and_goes_on(cli, corpus):
    burst = "burst: --cell rnn --nonlinearity relu --optimizer sgd --lr 1e20"
    result = cli("compare", corpus, "--out", "c", "--variant", burst, "--variant", "b", *TINY)
    assert result.code == 0
    assert "diverged at 2" in result.out
    assert "burst diverged at step 2" in " ".join(result.out.split())


@pytest.mark.parametrize(
    ("vary", "more", "expected"),
    [
        ("clipping", [], {"unclipped": {"clip-norm": None, "clip-value": None},
                          "clipped": {"clip-norm": "1", "clip-value": None}}),
        ("clipping", ["--clip-value", "2"], {"unclipped": {"clip-norm": None, "clip-value": None},
                                             "clipped": {"clip-norm": None, "clip-value": 2.0}}),
        ("starts", [], {"default": {"init": "default"}, "article": {"init": "article"},
                        "orthogonal": {"init": "weight_hh=orthogonal"}, "forget-bias": {"init": "bias_f=1"}}),
        ("starts", ["--cell", "rnn"], {"default": {"init": "default"}, "article": {"init": "article"},
                                       "orthogonal": {"init": "weight_hh=orthogonal"},
                                       "identity": {"init": "weight_hh=identity,bias=zero"}}),
        ("truncations", [], {"window-1": {"truncation": "window:1", "seq-len": 10},
                             "window-5": {"truncation": "window:5", "seq-len": 10},
                             "chunk-10": {"truncation": "chunk:10", "seq-len": None},
                             "chunk-10-20": {"truncation": "chunk:10,20", "seq-len": None}}),
    ],
)  # fmt: skip
def test_compare_has_ready_sets(cli, corpus, vary, more, expected):
    tiny = [*TINY[:-1], "1"]
    result = cli("compare", corpus, "--out", "c", "--vary", vary, "--json", "--quiet", *tiny, *more)
    assert {name: each["options"] for name, each in variants_of(result).items()} == expected


def test_compare_joins_sets_and_what_is_spelled_out(cli, corpus):
    tiny = [*TINY[:-1], "1"]
    result = cli(
        "compare",
        corpus,
        "--vary",
        "clipping",
        "--variant",
        "x: --clip-norm auto",
        "--json",
        "--quiet",
        *tiny,
    )
    assert list(variants_of(result)) == ["unclipped", "clipped", "x"]
    assert json.loads(result.out)["comparison"] == "runs/text-compared"


def test_a_variant_s_options_repeat_its_run(compared, cli):
    file = compared / "gru" / "options.toml"
    assert tomllib.loads(file.read_text(encoding="utf-8"))["cell"] == "gru"
    result = cli("train", "--config", file, "--out", "again", "--json", "--quiet")
    assert result.code == 0
    record = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert json.loads(result.out)["val_loss"] == record["variants"][4]["val_loss"]


def test_compare_resumes_by_itself(cli, corpus, tmp_path):
    from throughtime.compare import comparison

    trained = []

    def train_variant(variant, *others):
        trained.append(variant.name)
        if trained == ["a", "b"]:
            raise KeyboardInterrupt
        return real(variant, *others)

    real = comparison.train_variant
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "train_variant", train_variant)
        begin = (
            "compare",
            corpus,
            "--out",
            "c",
            "--variant",
            "a",
            "--variant",
            "b: --cell gru --lr 0.01",
            *TINY,
        )
        stopped = cli(*begin, "--quiet")
        assert stopped.code == 130
        assert stopped.err.strip().endswith("Go on with: throughtime compare --resume --out c")
        result = cli("compare", "--resume", "--out", "c", "--json", "--quiet")
    assert result.code == 0
    assert trained == ["a", "b", "b"]
    assert variants_of(result)["b"]["state"] == "finished"
    assert tt.load(tmp_path / "c" / "b").config["training"]["optimizer"]["lr"] == 0.01


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--variant", "a: --seed 3"], "variant a: --seed found; expected it outside of --variant, as it is one for all"),
        (["--variant", "a: other.txt"], "variant a: a text found; expected it outside of --variant"),
        (["--variant", "a: --cel rnn"], "variant a: --cel is unknown; expected an option of throughtime train. Did you mean --cell?"),
        (["--variant", "a: --help"], "variant a: --help is unknown"),
        (["--variant", "a: --hidden-size 0"], "variant a: --hidden-size is 0; expected a whole number of at least 1"),
        (["--variant", "a: --nonlinearity tanh"], "variant a: --nonlinearity tanh found with --cell lstm"),
        (["--variant", "a: --init weight_xx=zero"], "variant a: "),
        (["--variant", "a: --init 'x"], "variant a: --init 'x found (No closing quotation)"),
        (["--variant", "a/b"], "the variant name 'a/b' found"),
        (["--variant", "a", "--variant", "A"], "the variant name A found twice"),
        (["--vary", "cells,colours"], "--vary colours found; expected one of cells, clipping, starts, truncations"),
        (["--cell", "gru"], "--cell found with --vary cells; expected it to be left open"),
        (["--vary", "starts", "--init", "article"], "--init found with --vary starts"),
        (["--init", "bias_f=1"], "variant tanh: "),
        (["--resume"], "--resume found alone; expected the comparison to go on with. Add --out OUT."),
        (["--resume", "--out", "c", "--lr", "1"], "--lr found with --resume; expected no setting"),
        (["--resume", "--out", "c"], "c holds no compare.json; expected a comparison to go on with"),
        (["--batch-size", "3000"], "the training part of the text"),
    ],
)  # fmt: skip
def test_compare_refuses_in_one_line_before_anything_is_written(cli, corpus, tmp_path, arguments, found):
    before = sorted(tmp_path.iterdir())
    result = cli("compare", corpus, *arguments)
    assert result.code == 2
    assert result.err.startswith(f"throughtime: {found}")
    assert result.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_compare_resumes_only_what_the_command_line_has_begun(cli, corpus, tmp_path):
    from throughtime.compare import Variant, compare

    training = {"max_steps": 1, "batch_size": 4, "seq_len": 10}
    compare([Variant(name="a", model={"hidden_size": 4}, training=training)], TEXT, out=tmp_path / "c")
    result = cli("compare", corpus, "--resume", "--out", "c")
    assert result.code == 2
    assert "c has no options of throughtime compare" in result.err
