from runpy import run_path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file

import throughtime as tt
from throughtime.exchange import export_torch
from throughtime.training.run import Run

V, H = 9, 6
CELLS = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "tanh": {"cell": "rnn"},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
}
INPUTS = {"one-hot": {}, "embedding": {"embedding_size": 5}, "tied": {"embedding_size": H, "tied": True}}


def language_model(**settings) -> tt.LanguageModel:
    return tt.LanguageModel(**{"vocab_size": V, "hidden_size": H, "seed": 0, **settings})


def parts(state) -> tuple:
    return state if isinstance(state, tuple) else (state,)


def run_in_torch(torch, place, *inputs):
    """Outputs and the parts of the state, as arrays, of the module that was written."""
    module = run_path(str(place / "model.py"))["load"]()
    assert not module.training
    with torch.no_grad():
        outputs, state = module(*inputs)
    return outputs.numpy(), [part.numpy() for part in parts(state)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("more", [{}, {"num_layers": 2, "bias": False, "dropout": 0.5}], ids=["1", "2"])
@pytest.mark.parametrize("read", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_module_gives_what_the_model_gives(torch, cell, read, more, dtype, tmp_path):
    model = language_model(**cell, **read, **more, dtype=dtype)
    export_torch(model, tmp_path / "model")
    rng = np.random.default_rng(1)
    ids = rng.integers(0, V, (7, 2))
    shape = model.layers.num_layers, 2, H
    first = tuple(rng.uniform(-1, 1, shape).astype(dtype) for _ in model.layers.cell.states)
    own = first if len(first) > 1 else first[0]
    logits, state = model.forward(ids, own)
    theirs = tuple(map(torch.from_numpy, first))
    found, left = run_in_torch(
        torch, tmp_path / "model", torch.from_numpy(ids), theirs if len(first) > 1 else theirs[0]
    )
    tolerance = 1e-5 if dtype == "float32" else 1e-10
    assert found.dtype == dtype
    assert_allclose(found, logits, rtol=0, atol=tolerance)
    for given, expected in zip(left, parts(state), strict=True):
        assert_allclose(given, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("at", ["every", "last"])
def test_module_of_a_sequence_model(torch, at, tmp_path):
    model = tt.SequenceModel(3, H, 2, "gru", at=at, seed=0)
    export_torch(model, tmp_path / "model")
    x = np.random.default_rng(1).standard_normal((5, 4, 3)).astype(np.float32)
    outputs, state = model.forward(x)
    found, (left,) = run_in_torch(torch, tmp_path / "model", torch.from_numpy(x))
    assert_allclose(found, outputs, rtol=0, atol=1e-5)
    assert_allclose(left, state, rtol=0, atol=1e-5)


def test_module_goes_on_training_with_the_model_s_dropout_and_one_table(torch, tmp_path):
    model = language_model(embedding_size=H, tied=True, num_layers=2, dropout=0.25)
    export_torch(model, tmp_path / "model")
    module = run_path(str(tmp_path / "model" / "model.py"))["load"]()
    assert module.rnn.dropout == 0.25
    assert module.embedding.weight is module.readout.weight


def test_module_of_one_layer_has_no_dropout(torch, tmp_path):
    export_torch(language_model(dropout=0.5), tmp_path / "model")
    module = run_path(str(tmp_path / "model" / "model.py"))[
        "load"
    ]()  # PyTorch would warn, which is an error here
    assert module.rnn.dropout == 0


def test_export_writes_the_parameters_as_they_are(tmp_path):
    tokenizer = tt.Tokenizer.train("to be or not to be")
    model = tt.LanguageModel(tokenizer.vocab_size, H, "gru", embedding_size=H, tied=True, seed=0)
    found = export_torch(Run(None, {}, model, tokenizer), tmp_path / "model")
    assert found.files == ("model.safetensors", "model.py", "tokenizer.json")
    assert tt.Tokenizer.load(found.path / "tokenizer.json").tokens == tokenizer.tokens
    weights = load_file(found.path / "model.safetensors")
    assert_array_equal(weights.pop("readout.weight"), model.params["embedding.weight"])
    assert weights.keys() == model.params.keys()
    for name, array in weights.items():
        assert_array_equal(array, model.params[name])


def test_export_refuses_a_cell_that_pytorch_has_not(tmp_path):
    gru = tt.GRU(1, 1).cell
    mine = tt.Cell("gru", gru.forward, gru.backward, gru.gates, gru.states, apart=gru.apart)
    for model, name in (
        (language_model(cell="rnn", nonlinearity="sigmoid"), "rnn_sigmoid"),
        (language_model(cell=mine), "gru"),
    ):
        with pytest.raises(
            tt.ArgumentError, match=f"the cell '{name}' found; expected rnn with tanh or relu"
        ):
            export_torch(model, tmp_path / "model")
    assert [*tmp_path.iterdir()] == []
