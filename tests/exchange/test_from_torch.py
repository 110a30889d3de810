import hashlib
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import save_file

import throughtime as tt
from throughtime.exchange import export_torch, import_torch

SYMBOLS = list("abcdefg .\n")
V, E, H = len(SYMBOLS), 5, 6


def language_model(
    torch, kind="LSTM", names=("encoder", "rnn", "decoder"), tied=False, one_hot=False, symbols=V, **options
):
    """A model as people write it, and what computes its logits of ids (T, B)."""
    nn = torch.nn
    torch.manual_seed(0)
    width = V if one_hot else H if tied else E
    embedding, recurrent, readout = names
    module = nn.Module()
    if not one_hot:
        module.add_module(embedding, nn.Embedding(symbols, width))
    module.add_module(recurrent, getattr(nn, kind)(width, H, **options))
    module.add_module(readout, nn.Linear(H, symbols))
    if tied:
        getattr(module, readout).weight = getattr(module, embedding).weight

    def logits(ids):
        with torch.no_grad():
            ids = torch.from_numpy(ids)
            if one_hot:
                x = nn.functional.one_hot(ids, V).to(getattr(module, readout).weight.dtype)
            else:
                x = getattr(module, embedding)(ids)
            return getattr(module, readout)(getattr(module, recurrent)(x)[0]).numpy()

    return module, logits


@pytest.fixture
def vocabulary(tmp_path):
    file = tmp_path / "symbols.json"
    file.write_text(json.dumps(SYMBOLS))
    return file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.safetensors"


IDS = np.random.default_rng(0).integers(0, V, (7, 3))
MODELS = {
    "lstm": {},
    "gru of two layers": {"kind": "GRU", "num_layers": 2, "names": ("emb", "gru", "fc")},
    "rnn": {"kind": "RNN", "nonlinearity": "relu", "names": ("embed", "rnn", "out")},
    "without biases": {"bias": False, "names": ("word_embeddings", "lstm", "head")},
    "one-hot": {"one_hot": True, "names": ("", "lstm", "linear")},
    "tied": {"tied": True},
}


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.model."])
@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_imported_model_gives_what_the_module_gives(torch, settings, prefix, file, vocabulary, tmp_path):
    module, logits = language_model(torch, **settings)
    save_file({prefix + name: tensor.numpy() for name, tensor in module.state_dict().items()}, file)
    nonlinearity = settings.get("nonlinearity")
    found = import_torch(file, vocabulary, tmp_path / "run", nonlinearity=nonlinearity)
    assert_allclose(found.run.model.forward(IDS)[0], logits(IDS), rtol=0, atol=1e-5)
    assert found.run.model.tied == settings.get("tied", False)
    assert found.names["rnn.weight_hh_l0"].startswith(prefix)


def test_imported_model_in_float64(torch, file, vocabulary, tmp_path):
    module, logits = language_model(torch, "GRU")
    module.double()
    save_file({name: tensor.numpy() for name, tensor in module.state_dict().items()}, file)
    model = import_torch(file, vocabulary, tmp_path / "run").run.model
    assert model.dtype == np.float64
    assert_allclose(model.forward(IDS)[0], logits(IDS), rtol=0, atol=1e-10)


@pytest.mark.parametrize("names", [("encoder", "rnn", "decoder"), ("wte", "rnn", "a")])
@pytest.mark.parametrize("symbols", [V, H])
def test_table_that_save_model_has_written_once(torch, symbols, names, file, tmp_path):
    from safetensors.torch import save_model

    module, logits = language_model(torch, tied=True, symbols=symbols, names=names)
    save_model(module, str(file))
    (tmp_path / "symbols.json").write_text(json.dumps(SYMBOLS[:symbols]))
    found = import_torch(file, tmp_path / "symbols.json", tmp_path / "run")
    assert found.run.model.tied
    ids = IDS % symbols
    assert_allclose(found.run.model.forward(ids)[0], logits(ids), rtol=0, atol=1e-5)


def test_cells_one_above_the_other_are_layers(torch, file, vocabulary, tmp_path):
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Module()
    module.embedding = nn.Embedding(V, E)
    module.cells = nn.ModuleList([nn.LSTMCell(E if k == 0 else H, H) for k in range(11)])
    module.readout = nn.Linear(H, V)
    save_file({name: tensor.numpy() for name, tensor in module.state_dict().items()}, file)
    found = import_torch(file, vocabulary, tmp_path / "run")
    model = found.run.model
    assert model.layers.num_layers == 11
    (note,) = found.notes
    assert "cells.9.weight_ih, cells.10.weight_ih are taken for layers, each reading the one named" in note
    with torch.no_grad():
        x = module.embedding(torch.from_numpy(IDS[0]))
        for cell in module.cells:
            x, _ = cell(x)
        expected = module.readout(x).numpy()
    assert_allclose(model.step(IDS[0])[0], expected, rtol=0, atol=1e-5)


def test_words_score_as_they_do_in_pytorch(torch, file, tmp_path):
    text = "the cat 's here .\n\nthe <unk> sat\n" * 20
    words = [word for line in text.splitlines() for word in (*line.split(), "<eos>")]
    symbols = list(dict.fromkeys(words))
    module, logits = language_model(torch, "GRU", num_layers=2, symbols=len(symbols))
    save_file({name: tensor.numpy() for name, tensor in module.state_dict().items()}, file)
    (tmp_path / "words.txt").write_text("\n".join(symbols))
    run = import_torch(file, tmp_path / "words.txt", tmp_path / "run").run
    ids = np.array([symbols.index(word) for word in words])
    assert_array_equal(run.tokenizer.encode(text), ids)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits(ids[:-1, None])[:, 0]), torch.from_numpy(ids[1:])
    )
    found = tt.evaluate(run.model, run.tokenizer, text)
    assert found.tokens == len(words) - 1
    assert_allclose(found.loss, float(expected), rtol=1e-5)


# ---------------------------------------------------------------- without PyTorch


def own_weights(**settings) -> dict[str, np.ndarray]:
    """A state_dict by this package's names, which are PyTorch's."""
    model = tt.LanguageModel(**{"vocab_size": V, "hidden_size": H, "seed": 0, **settings})
    weights = {name: np.ascontiguousarray(array) for name, array in model.params.items()}
    return weights | ({"readout.weight": weights["embedding.weight"]} if model.tied else {})


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "lstm"},
        {"cell": "gru", "embedding_size": E, "num_layers": 2, "bias": False},
        {"cell": "rnn", "embedding_size": H, "tied": True, "dtype": "float64"},
    ],
    ids=str,
)
def test_imported_and_exported_again_is_the_same_bits(settings, vocabulary, tmp_path):
    nonlinearity = "tanh" if settings["cell"] == "rnn" else None
    model = tt.LanguageModel(V, H, **settings, seed=0)
    first = export_torch(model, tmp_path / "first").path
    run = import_torch(
        first / "model.safetensors", vocabulary, tmp_path / "run", nonlinearity=nonlinearity
    ).run
    assert run.model.settings == model.settings
    second = export_torch(run, tmp_path / "second").path
    for name in ("model.safetensors", "model.py"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_imported_run_is_complete(file, vocabulary, tmp_path):
    weights = own_weights(cell="gru", embedding_size=E)
    save_file(weights, file)
    out = tmp_path / "run"
    found = import_torch(file, vocabulary, out)
    run = tt.load(out)
    assert run.config == found.run.config
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert run.config["imported"] == {"file": str(file), "sha256": digest}
    assert (run.by, run.history, run.flow_history) == ("stream", [], [])
    assert run.tokenizer.tokens == tuple(SYMBOLS)
    for name, array in weights.items():
        assert_array_equal(run.model.params[name], array)
    text = "a bad cab.\n" * 40
    assert tt.evaluate(run.model, run.tokenizer, text).bits_per_char > 2
    assert len(tt.generate(run.model, run.tokenizer, "a", length=20, seed=0)) == 21
    diagnosis = tt.diagnose(run, text, max_lag=20)
    assert diagnosis.training is None
    assert diagnosis.flow.horizon() > 0
    with pytest.raises(tt.RunError, match="without a text; expected one to measure on"):
        tt.diagnose(run)


def test_imported_run_is_trained_further_in_a_run_of_its_own(file, vocabulary, tmp_path):
    save_file(own_weights(cell="gru"), file)
    run = import_torch(file, vocabulary, tmp_path / "run").run
    text = "a bad cab.\n" * 40
    with pytest.raises(tt.RunError, match=r"was imported from .*; expected a run that was trained here"):
        tt.resume(tmp_path / "run", text)
    with pytest.raises(tt.RunError, match="expected a run that was trained here"):
        tt.fit(run.model, text, tokenizer=run.tokenizer, out=tmp_path / "run", resume=True, batch_size=2)
    before = tt.evaluate(run.model, run.tokenizer, text).loss
    trained = tt.fit(
        run.model, text, tokenizer=run.tokenizer, out=tmp_path / "tuned", batch_size=2, max_steps=4
    )
    assert tt.evaluate(trained.model, trained.tokenizer, text).loss < before
    assert tt.load(tmp_path / "tuned").config["training"]["max_steps"] == 4


def test_import_says_what_it_has_made_of_a_file(file, vocabulary, tmp_path):
    weights = own_weights(cell="gru", embedding_size=H, tied=True)
    del weights["readout.bias"], weights["rnn.bias_hh_l0"]
    save_file(weights, file)
    found = import_torch(file, vocabulary, tmp_path / "run")
    assert found.notes == [
        "embedding.weight and readout.weight are the same numbers: one table serves both.",
        "the file has no rnn.bias_hh_l0, readout.bias: zeros take their place.",
    ]
    assert not found.run.model.params["readout.bias"].any()
    assert found.names["rnn.bias_ih_l0"] == "rnn.bias_ih_l0"
    assert "readout.bias" not in found.names


def test_words_read_the_end_of_a_line(file, tmp_path):
    symbols = ["<unk>", "<eos>", "the", "cat", "sat"]
    save_file(own_weights(cell="gru", vocab_size=5), file)
    (tmp_path / "words.txt").write_text("\n".join(symbols) + "\n")
    found = import_torch(file, tmp_path / "words.txt", tmp_path / "run")
    assert found.notes == ["<eos> stands for the end of a line: texts have it at each line feed."]
    assert found.run.tokenizer.encode("the dog sat\n\n").tolist() == [2, 0, 4, 1, 1]


def test_import_writes_nothing_where_something_is_wrong(file, vocabulary, tmp_path):
    save_file(own_weights(cell="gru", vocab_size=4), file)
    before = {*tmp_path.iterdir()}
    with pytest.raises(tt.WeightsError, match=r"symbols.json has 10 symbols; expected 4, as the model has"):
        import_torch(file, vocabulary, tmp_path / "run")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "a").touch()
    with pytest.raises(tt.RunError, match="already holds a; expected a new or empty directory"):
        import_torch(file, vocabulary, tmp_path / "taken")
    assert {*tmp_path.iterdir()} == before | {tmp_path / "taken"}
