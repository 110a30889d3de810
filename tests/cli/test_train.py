import gzip
import io
import json
import sys

import numpy as np
import pytest
from tests.cli.conftest import SMALL, TEXT

import throughtime as tt
from throughtime.data.corpus import Corpus


def configuration(path) -> dict:
    return json.loads((path / "config.json").read_text(encoding="utf-8"))


def test_train_leaves_a_run_and_says_what_to_try_next(cli, corpus, tmp_path):
    result = cli("train", corpus, "--epochs", 1, *SMALL)
    assert result.code == 0
    assert "The run lies in runs/text-lstm; its report.html shows how it went. Try next:" in result.out
    assert "throughtime generate runs/text-lstm" in result.out
    assert "throughtime eval runs/text-lstm FILE" in result.out
    assert "throughtime flow runs/text-lstm" in result.out
    assert "bits per character" in result.out
    assert "validation" in result.err
    files = {file.name for file in (tmp_path / "runs" / "text-lstm").iterdir()}
    assert files == {
        "config.json", "tokenizer.json", "options.toml", "metrics.jsonl", "flow.jsonl",
        "model.safetensors", "report.html", "checkpoints", ".lock",
    }  # fmt: skip
    assert "runs/text-lstm-2" in cli("train", corpus, "--epochs", 1, *SMALL).out


@pytest.mark.parametrize(
    ("found", "called", "shown"),
    [
        ("/usr/bin/throughtime", "/usr/bin/throughtime", "  throughtime generate "),
        (None, ".venv/bin/throughtime", "  .venv/bin/throughtime generate "),
        (None, "/place/throughtime/__main__.py", f"  {sys.executable} -m throughtime generate "),
    ],
)
def test_what_to_try_next_can_be_typed_as_it_stands(cli, corpus, monkeypatch, found, called, shown):
    monkeypatch.setattr("shutil.which", lambda name: found)
    monkeypatch.setattr(sys, "argv", [called])
    assert shown in cli("train", corpus, "--max-steps", 1, *SMALL).out


def test_train_json_is_one_object_and_progress_goes_to_stderr(cli, corpus):
    result = cli("train", corpus, "--out", "run", "--max-steps", 3, "--json", *SMALL)
    found = json.loads(result.out)
    assert result.out.count("\n") == 1
    assert found["steps"] == 3
    assert found["tokens"] == 240
    assert found["run"] == "run"
    for name in (
        "train_loss",
        "val_loss",
        "val_perplexity",
        "val_bits_per_char",
        "seconds",
        "tokens_per_second",
    ):
        assert found[name] > 0, name
    assert "of 3" in result.err
    # Of so small a network not even one probe costs less than a twentieth of so short a training.
    assert [found[name] for name in ("horizon", "censored", "half_life")] == [None, None, None]


def test_train_json_has_the_horizon_that_was_measured_last(cli, corpus, tmp_path):
    options = ("--out", "run", "--max-steps", 4, "--flow-every", 2, "--json", "--truncation", "auto:0.1,30")
    result = cli("train", corpus, *options, *SMALL)
    found = json.loads(result.out)
    records = [json.loads(line) for line in (tmp_path / "run" / "flow.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [0, 2, 4]
    for name in ("horizon", "censored", "half_life"):
        assert found[name] == records[-1][name]
    assert 0 <= records[-1]["truncation"]["K"] <= 30
    assert configuration(tmp_path / "run")["training"]["truncation"] == "auto:0.1,30"
    assert "reach" in result.err


def test_train_quiet_shows_no_progress(cli, corpus):
    assert cli("train", corpus, "--max-steps", 1, "--quiet", *SMALL).err == ""


def test_train_without_files_learns_from_the_help_topics(cli, monkeypatch):
    monkeypatch.setattr("throughtime.data.corpus.builtin", lambda: Corpus("help topics of Python", TEXT))
    result = cli("train", "--max-steps", 1, *SMALL)
    assert result.err.startswith("help topics of Python\n")
    assert "runs/help-topics-lstm" in result.out


def test_train_reads_standard_input(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert "runs/stdin-lstm" in cli("train", "-", "--max-steps", 1, *SMALL).out
    assert configuration(tmp_path / "runs" / "stdin-lstm")["corpus"]["name"] == "stdin"


def test_train_hands_every_option_on(cli, corpus, tmp_path):
    options = [
        *(
            "--cell",
            "rnn",
            "--nonlinearity",
            "relu",
            "--unit",
            "word",
            "--vocab-size",
            12,
            "--by",
            "sentence",
        ),
        *("--embedding-size", 6, "--hidden-size", 8, "--num-layers", 2, "--dropout", 0.25, "--batch-size", 3),
        *("--truncation", "chunk:4", "--reduction", "sum", "--optimizer", "rmsprop", "--lr", 0.001),
        *("--schedule", "warmup:5,cosine:0.1", "--clip-value", 0.5, "--init", "article"),
        *(
            "--epochs",
            2,
            "--max-steps",
            4,
            "--val-fraction",
            0.25,
            "--eval-every",
            3,
            "--seed",
            7,
            "--out",
            "run",
        ),
        *(
            "--patience",
            9,
            "--average",
            2,
            "--omega",
            0.5,
            "--threads",
            2,
            "--precision",
            "bf16",
            "--on-incident",
            "skip",
        ),
        *("--checkpoint-every", 2, "--keep-checkpoints", 1, "--flow-every", 3),
    ]
    assert cli("train", corpus, *options).code == 0
    config = configuration(tmp_path / "run")
    assert config["model"] == {
        "vocab_size": 12, "hidden_size": 8, "cell": "rnn", "num_layers": 2, "embedding_size": 6, "tied": False,
        "bias": True, "nonlinearity": "relu", "dropout": 0.25, "init": "article", "dtype": "float32",
    }  # fmt: skip
    assert config["training"] == {
        "by": "sentence", "batch_size": 3, "seq_len": None, "truncation": "chunk:4", "reduction": "sum",
        "optimizer": {"name": "rmsprop", "lr": 0.001, "alpha": 0.99, "eps": 1e-8},
        "schedule": "warmup:5,cosine:0.1", "clip": {"name": "value", "value": 0.5}, "omega": 0.5, "threads": 2, "precision": "bf16",
        "epochs": 2, "max_steps": 4, "val_fraction": 0.25, "eval_every": 3, "seed": 7, "patience": 9, "average": 2,
        "on_incident": "skip", "checkpoint_every": 2, "keep_checkpoints": 1,
        "flow_every": 3,
    }  # fmt: skip
    assert config["tokenizer"] == {"unit": "word", "vocab_size": 12}


def test_init_starts_weights_by_name(cli, corpus, tmp_path):
    spec = "article,weight_hh=orthogonal,bias_f=1"
    assert (
        cli("train", corpus, "--init", spec, "--max-steps", 1, "--out", "run", *SMALL[:-1], 1e-12).code == 0
    )
    assert configuration(tmp_path / "run")["model"]["init"] == spec
    params = tt.load(tmp_path / "run").model.params
    for block in np.split(params["rnn.weight_hh_l0"], 4):
        np.testing.assert_allclose(block @ block.T, np.eye(12), atol=1e-5)
    np.testing.assert_allclose((params["rnn.bias_ih_l0"] + params["rnn.bias_hh_l0"])[12:24], 1, atol=1e-5)


def test_init_that_means_nothing_is_told_before_a_text_is_read(cli, tmp_path):
    result = cli("train", "missing.txt", "--init", "weight_hh=othogonal")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert (
        "init weight_hh=othogonal found; expected for weight_hh one of uniform[:BOUND], xavier" in result.err
    )
    assert not (tmp_path / "runs").exists()


def test_init_for_another_cell_is_refused_in_one_line(cli, corpus, tmp_path):
    result = cli("train", corpus, "--cell", "gru", "--init", "bias_f=1", *SMALL)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert (
        "init target bias_f found; expected one of bias, bias_r, bias_z, bias_n for this cell" in result.err
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "embedding_size", "tied"),
    [
        ([], None, False),
        (["--input", "onehot"], None, False),
        (["--input", "embedding"], 12, False),
        (["--embedding-size", "5"], 5, False),
        (["--tied"], 12, True),
    ],
)
def test_train_settles_how_tokens_are_read(options, embedding_size, tied, cli, corpus, tmp_path):
    assert cli("train", corpus, "--out", "run", "--max-steps", 1, *SMALL, *options).code == 0
    model = configuration(tmp_path / "run")["model"]
    assert (model["embedding_size"], model["tied"]) == (embedding_size, tied)


def test_train_by_words_caps_the_vocabulary(cli, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("throughtime.cli.train_settings._WORDS", 7)
    assert cli("train", corpus, "--unit", "word", "--out", "run", "--max-steps", 1, *SMALL).code == 0
    assert configuration(tmp_path / "run")["model"]["vocab_size"] == 7


def test_train_by_default_takes_adam_at_two_thousandths(cli, corpus, tmp_path):
    assert cli("train", corpus, "--out", "run", "--max-steps", 1).code == 0
    training = configuration(tmp_path / "run")["training"]
    assert training["optimizer"] == {"name": "adam", "lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8}
    assert (training["truncation"], training["clip"]) == ("chunk:50", None)


@pytest.mark.parametrize(
    ("name", "more", "settings"),
    [
        ("nesterov", [], {"name": "momentum", "lr": 0.005, "momentum": 0.9, "nesterov": True}),
        (
            "nesterov",
            ["--momentum", 0.8],
            {"name": "momentum", "lr": 0.005, "momentum": 0.8, "nesterov": True},
        ),
        ("momentum", ["--momentum", 0], {"name": "momentum", "lr": 0.005, "momentum": 0, "nesterov": False}),
        (
            "adamw",
            [],
            {"name": "adamw", "lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
        ),
        (
            "adamw",
            ["--weight-decay", 0.3],
            {"name": "adamw", "lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.3},
        ),
    ],
)
def test_train_settles_the_optimizer_and_its_numbers(name, more, settings, cli, corpus, tmp_path):
    options = ("--out", "run", "--max-steps", 1, "--optimizer", name, "--hidden-size", 8, *more)
    assert cli("train", corpus, *options).code == 0
    assert configuration(tmp_path / "run")["training"]["optimizer"] == settings


def test_train_that_diverges_fails_with_its_report_and_finite_weights(cli, corpus, tmp_path):
    result = cli("train", corpus, "--out", "run", "--hidden-size", 12, "--lr", "1e6")
    assert (result.code, result.out) == (1, "")
    line = result.err.splitlines()[-1]
    assert line.startswith("throughtime: training diverged at step ")
    for part in (
        "learning rate 1e+06",
        "clipping none",
        "in run.",
        "--lr 0.01",
        "--clip-norm 1",
        "; expected",
    ):
        assert part in line, part
    loaded = tt.load(tmp_path / "run")
    assert all(abs(array).max() < 10 for array in loaded.model.params.values())
    assert loaded.history[-1]["stopped"] in line
    assert cli("generate", "run", "--length", 5).code == 0


@pytest.mark.parametrize(
    ("spec", "clip"),
    [
        ("2.5", {"name": "norm", "theta": 2.5}),
        ("auto", {"name": "auto", "multiple": 2.0}),
        ("auto:3", {"name": "auto", "multiple": 3.0}),
    ],
)
def test_train_clips_by_the_norm_or_by_its_average(spec, clip, cli, corpus, tmp_path):
    assert cli("train", corpus, "--out", "run", "--max-steps", 1, "--clip-norm", spec, *SMALL).code == 0
    assert configuration(tmp_path / "run")["training"]["clip"] == clip


def test_train_says_how_often_it_clipped(cli, corpus):
    clipped = cli("train", corpus, "--max-steps", 4, "--clip-norm", 1e-3, "--json", *SMALL)
    assert json.loads(clipped.out)["clipped_share"] == 1
    told = cli("train", corpus, "--max-steps", 4, "--clip-norm", 1e-3, "--quiet", *SMALL)
    assert told.out.splitlines()[1] == "Clipped 100.0% of the updates."
    assert "lipped" not in cli("train", corpus, "--max-steps", 4, *SMALL).out


def test_train_ends_early_where_no_evaluation_is_better(cli, corpus):
    options = ("--patience", 2, "--eval-every", 1, "--lr", 1e-12)
    result = cli("train", corpus, *SMALL[:-2], *options, "--json")
    assert json.loads(result.out)["early"] == "no better evaluation in 2"
    told = cli("train", corpus, *SMALL[:-2], *options, "--quiet", "--out", "run")
    assert told.out.splitlines()[1] == "Ended early: no better evaluation in 2."
    again = cli("train", "--resume", "--out", "run", "--quiet").out.splitlines()
    assert again[0] == "The run had come to its end, after 3 steps. To train longer, raise --patience."


def test_train_reads_directories_and_packed_files(cli, corpus, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    (texts / "picture.png").write_bytes(b"PNG\0\1")
    result = cli("train", texts, "b.txt.gz", "--out", "run", "--max-steps", 1, *SMALL)
    assert result.code == 0
    assert result.err.startswith(f"left out, as no text: {texts / 'picture.png'}\n")
    assert configuration(tmp_path / "run")["corpus"]["name"] == "texts (1 file) + b.txt.gz"


def test_train_by_byte_pairs(cli, corpus, tmp_path):
    options = ("--unit", "bpe", "--vocab-size", 270, "--out", "run", "--max-steps", 1)
    assert cli("train", corpus, *options, *SMALL).code == 0
    assert configuration(tmp_path / "run")["tokenizer"] == {"unit": "bpe", "vocab_size": 270}
    assert cli("generate", "run", "--length", 5).code == 0


def test_train_for_tensorboard(cli, corpus, tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'throughtime[tensorboard]'")
    assert cli("train", corpus, "--out", "run", "--max-steps", 1, "--tensorboard", *SMALL).code == 0
    (file,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert b"train/loss" in file.read_bytes()


def test_train_for_tensorboard_says_what_to_install_before_the_text_is_read(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.delitem(sys.modules, "throughtime.tensorboard", raising=False)
    result = cli("train", "missing.txt", "--tensorboard")
    assert result.code == 2
    assert "tensorboardX is not installed; expected it" in result.err


def test_train_takes_a_size_beyond_all_arrays_for_too_much_memory(cli, corpus):
    result = cli("train", corpus, "--hidden-size", 10**30)
    assert result.code == 1
    assert result.err.startswith("throughtime: the memory is full; ")


def test_train_counts_a_single_step(cli, corpus):
    assert cli("train", corpus, "--max-steps", 1, "--quiet", *SMALL).out.startswith("1 step in ")


def test_train_by_max_steps_alone_goes_through_the_text_as_often_as_it_takes(cli, corpus):
    found = json.loads(cli("train", corpus, "--max-steps", 150, "--json", *SMALL).out)
    assert found["steps"] == 150  # 10 epochs are 110


def test_train_quiet_still_says_what_should_be_known(cli, corpus, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text(TEXT, encoding="utf-8")
    (texts / "picture.png").write_bytes(b"PNG\0\1")
    result = cli("train", texts, "--max-steps", 1, "--quiet", *SMALL)
    assert result.err == f"left out, as no text: {texts / 'picture.png'}\n"
