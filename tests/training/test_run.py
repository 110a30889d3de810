import json
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from throughtime.storage import save_sealed


def test_load_gives_back_the_model_its_tokenizer_settings_and_course(trained):
    run = tt.load(trained.path)
    assert run.config == trained.config
    assert run.history == trained.history
    assert run.by == "stream"
    assert run.tokenizer.tokens == trained.tokenizer.tokens
    assert run.model.settings == trained.model.settings
    for name, array in trained.model.params.items():
        np.testing.assert_array_equal(run.model.params[name], array)


def test_one_hot_weights_keep_their_memory_order(trained):
    # Saved in C order, as the format has it, and read back into columns.
    assert trained.model.params["rnn.weight_ih_l0"].flags.f_contiguous
    assert tt.load(trained.path).model.params["rnn.weight_ih_l0"].flags.f_contiguous


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "rnn", "nonlinearity": "relu", "bias": False, "init": "article"},
        {"cell": "lstm", "num_layers": 2, "dropout": 0.3, "embedding_size": 5},
        {"cell": "gru", "embedding_size": 6, "tied": True, "dtype": "float64"},
    ],
)
def test_load_remakes_every_kind_of_model(settings, text, tokenizer, tmp_path):
    model = tt.LanguageModel(tokenizer.vocab_size, 6, seed=0, **settings)
    tt.fit(model, text, tokenizer=tokenizer, max_steps=1, out=tmp_path / "run")
    loaded = tt.load(tmp_path / "run").model
    assert loaded.settings == model.settings
    assert {n: a.dtype for n, a in loaded.params.items()} == {n: a.dtype for n, a in model.params.items()}
    for name, array in model.params.items():
        np.testing.assert_array_equal(loaded.params[name], array)


def test_config_says_what_repeats_the_run(trained):
    config = json.loads((trained.path / "config.json").read_text(encoding="utf-8"))
    assert config["throughtime"] == tt.__version__
    assert config["training"]["optimizer"] == {"name": "adam", "lr": 0.02, "betas": [0.9, 0.999], "eps": 1e-8}
    assert config["training"]["seed"] == 0
    assert config["training"]["clip"] == {"name": "norm", "theta": 1.0}
    assert len(config["corpus"]["sha256"]) == 64
    assert config["corpus"]["tokens"] == 936
    assert config["tokenizer"] == {"unit": "char", "vocab_size": trained.tokenizer.vocab_size}
    assert {"processor", "blas", "threads", "numpy", "numba", "python"} <= set(config["machine"])
    assert config["machine"]["threads"] == 1
    assert config["machine"]["blas"]


def test_load_needs_a_user_s_own_cell(text, tokenizer, tmp_path):
    from throughtime.cells import gru

    mine = tt.Cell("mine", gru.forward, gru.backward, gru.gates, gru.states, apart=gru.apart)
    model = tt.LanguageModel(tokenizer.vocab_size, 6, cell=mine, seed=0)
    tt.fit(model, text, tokenizer=tokenizer, max_steps=1, out=tmp_path / "run")
    with pytest.raises(tt.RunError, match=r"load\(path, cell=\.\.\.\)"):
        tt.load(tmp_path / "run")
    loaded = tt.load(tmp_path / "run", cell=mine)
    np.testing.assert_array_equal(loaded.model.params["readout.weight"], model.params["readout.weight"])


def test_run_without_a_tokenizer_says_so(tmp_path):
    run = tt.fit(tt.LanguageModel(5, 4, seed=0), np.arange(90) % 5, max_steps=1, out=tmp_path / "run")
    with pytest.raises(tt.RunError, match="bare token ids; expected a run with a tokenizer"):
        run.require_tokenizer()


def remove(name: str):
    return lambda run: (run / name).unlink()


def put(name: str, content: bytes):
    return lambda run: (run / name).write_bytes(content)


def cut(name: str, share: float):
    def damage(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: int(share * len(content))])

    return damage


def configure(change):
    def damage(run: Path) -> None:
        config = json.loads((run / "config.json").read_text())
        change(config)
        (run / "config.json").write_text(json.dumps(config))

    return damage


def another_vocabulary(run: Path) -> None:
    tt.Tokenizer.train("xyz").save(run / "tokenizer.json")


def another_dtype(run: Path) -> None:
    loaded = tt.load(run).model
    save_sealed(run / "model.safetensors", loaded.astype("float64").params, {"model": loaded.settings})


def no_run_s_weights(run: Path) -> None:
    save_sealed(run / "model.safetensors", {"a": np.ones(3)}, None)


def another_model(run: Path) -> None:
    loaded = tt.load(run).model
    other = tt.LanguageModel(loaded.vocab_size, 13, cell="gru", seed=0)
    save_sealed(run / "model.safetensors", other.params, {"model": loaded.settings})


def more_layers(run: Path) -> None:
    loaded = tt.load(run).model
    other = tt.LanguageModel(loaded.vocab_size, 12, cell="gru", num_layers=2, seed=0)
    save_sealed(run / "model.safetensors", other.params, {"model": loaded.settings})


def directory_in_place_of(name: str):
    def damage(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return damage


DAMAGES = {
    "no config": (remove("config.json"), "holds no config.json"),
    "empty config": (put("config.json", b""), "config.json cannot be read"),
    "binary config": (put("config.json", b"\xff\xfe\x00"), "config.json cannot be read"),
    "another's config": (put("config.json", b'{"name": "web"}'), "config.json is not a run's"),
    "config of a list": (put("config.json", b"[]"), "config.json is not a run's"),
    "config is a directory": (directory_in_place_of("config.json"), "config.json cannot be read"),
    "impossible model": (
        configure(lambda c: c["model"].update(hidden_size=-3)),
        "with hidden_size 12, and config.json has -3",
    ),
    "unknown setting": (configure(lambda c: c["model"].update(wings=2)), "has model.wings; expected"),
    "no settings": (configure(lambda c: c["model"].clear()), "lacks model.bias; expected"),
    "unknown cell": (
        configure(lambda c: c["model"].update(cell="mine")),
        "with cell 'gru', and config.json has 'mine'",
    ),
    "larger model": (
        configure(lambda c: c["model"].update(hidden_size=13)),
        "with hidden_size 12, and config.json has 13",
    ),
    "more layers": (
        configure(lambda c: c["model"].update(num_layers=2)),
        "with num_layers 1, and config.json has 2",
    ),
    "no model": (remove("model.safetensors"), "holds no model.safetensors; expected a trained model"),
    "empty model": (put("model.safetensors", b""), "model.safetensors is damaged"),
    "garbage model": (put("model.safetensors", b"\x80\x04garbage" * 50), "model.safetensors is damaged"),
    "half a model": (cut("model.safetensors", 0.5), "model.safetensors is damaged"),
    "model is a directory": (directory_in_place_of("model.safetensors"), "cannot be read"),
    "another dtype": (another_dtype, "dtype float64; expected"),
    "another's weights": (no_run_s_weights, "is no run's; expected a trained model's weights"),
    "another shape": (another_model, r"of shape .*; expected"),
    "another parameter": (more_layers, "differ in the parameter"),
    "no tokenizer": (remove("tokenizer.json"), "tokenizer.json does not exist"),
    "half a tokenizer": (cut("tokenizer.json", 0.5), "tokenizer.json is damaged"),
    "another tokenizer": (another_vocabulary, "has 6 tokens; expected"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_load_says_what_is_wrong_with_a_directory(damage, message, copied):
    damage(copied)
    before = {file: file.read_bytes() for file in copied.iterdir() if file.is_file()}
    with pytest.raises(tt.RunError, match=message) as caught:
        tt.load(copied)
    assert "\n" not in str(caught.value)
    assert "; expected" in str(caught.value)
    assert {file: file.read_bytes() for file in copied.iterdir() if file.is_file()} == before


def test_load_says_that_a_path_is_no_directory(tmp_path):
    with pytest.raises(tt.RunError, match="does not exist; expected a run directory"):
        tt.load(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(tt.RunError, match="is not a directory; expected a run directory"):
        tt.load(tmp_path / "file")


def test_history_says_that_its_file_is_damaged(copied):
    put("metrics.jsonl", b'{"step": 1, "finished": null}\nnonsense\n{}\n')(copied)
    run = tt.load(copied)
    with pytest.raises(tt.RunError, match="damaged in line 2"):
        _ = run.history


@pytest.mark.parametrize("size", [10**400, 10**15, 12000], ids=["endless", "huge", "large"])
@pytest.mark.parametrize("setting", ["vocab_size", "hidden_size", "num_layers", "embedding_size"])
def test_a_model_larger_than_its_files_is_refused_before_memory_is_asked_for(
    setting, size, copied, monkeypatch
):
    def refuse(*arguments, **settings):
        raise AssertionError("memory asked for")

    configure(lambda config: config["model"].update({setting: size}))(copied)
    monkeypatch.setattr("throughtime.training.run.LanguageModel", refuse)
    with pytest.raises(tt.RunError, match=f"is of a model with {setting} "):
        tt.load(copied)
    with pytest.raises(tt.RunError, match=r"describes no model that can be made .* more parameters than"):
        tt.resume(copied)


def test_a_run_without_its_flow_has_an_empty_one(copied):
    (copied / "flow.jsonl").unlink()
    run = tt.load(copied)
    assert run.flow_history == []
    assert run.history != []
