"""The language model against the article's own loop, against PyTorch, and in its first moments."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt
from throughtime import article
from throughtime.cells import Cell, rnn_relu

V, H, T, B = 11, 6, 7, 3
LEANING = (
    lambda a, state, lean: ((a[0] + lean,), (a[0],)),
    lambda dstate, kept, state_prev, state, lean: (dstate, (type(lean)(0),), dstate[0]),
)


def article_pair(seed: int, word_dim: int, hidden_dim: int, tau: int):
    """The article's model, and ours with the same weights."""
    theirs = article.RNN(word_dim, hidden_dim, bptt_truncate=tau, seed=seed)
    ours = tt.LanguageModel(word_dim, hidden_dim, cell="rnn", bias=False, dtype="float64")
    ours.load_params({"rnn.weight_ih_l0": theirs.U, "rnn.weight_hh_l0": theirs.W, "readout.weight": theirs.V})
    return theirs, ours


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
@pytest.mark.parametrize("tau", [0, 1, 4, "T-1", 1000])
def test_window_equals_the_articles_loop(steps, tau):
    tau = steps - 1 if tau == "T-1" else tau
    theirs, ours = article_pair(steps, 9, 5, tau)
    rng = np.random.default_rng(tau)
    x, y = rng.integers(0, 4, steps), rng.integers(0, 9, steps)  # four words: most of them repeated
    expected = article.bptt(theirs, x, y)
    r = tt.bptt(ours, x[:, None], y[:, None], truncation=tt.Window(tau), reduction="sum")
    assert r.loss == pytest.approx(theirs.loss(x, y), rel=1e-12)
    for name, wanted in (
        ("rnn.weight_ih_l0", expected.U),
        ("rnn.weight_hh_l0", expected.W),
        ("readout.weight", expected.V),
    ):
        scale = np.abs(wanted).max()
        # dW of a single step is exactly zero: nothing came before it.
        assert np.abs(r.grads[name] - wanted).max() <= 1e-10 * scale, name


def test_window_of_one_lag_differs_from_full():
    _, ours = article_pair(0, 9, 5, 1)
    ids = np.arange(9)[:, None]
    full, window = (tt.bptt(ours, ids, ids, truncation=t) for t in (tt.Full(), tt.Window(1)))
    assert np.abs(full.grads["rnn.weight_hh_l0"] - window.grads["rnn.weight_hh_l0"]).max() > 1e-9


def torch_language_model(torch, model):
    """The same network of PyTorch's own modules, in float64."""

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}
            self.embedding = torch.nn.Embedding(V, model.embedding_size or V)
            self.rnn = kinds[model.layers.cell.name](model.embedding_size or V, H, model.layers.num_layers)
            self.readout = torch.nn.Linear(H, V)

        def forward(self, ids):
            if model.embedding_size is None:
                x = torch.nn.functional.one_hot(ids, V).double()
            else:
                x = self.embedding(ids)
            y, state = self.rnn(x)
            return self.readout(y), state

    network = Network().double()
    if model.tied:
        network.readout.weight = network.embedding.weight
    named = dict(network.named_parameters())
    with torch.no_grad():
        for name, array in model.params.items():
            named[name].copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return network, named


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("embedding_size", "tied"), [(None, False), (4, False), (H, True)])
@pytest.mark.parametrize("steps", [2, 7])  # 6 tokens gather rows of the table, 21 project it whole
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_equal_pytorch(cell, embedding_size, tied, steps, reduction):
    torch = require_torch()
    model = tt.LanguageModel(
        V, H, cell, num_layers=2, embedding_size=embedding_size, tied=tied, dtype="float64", seed=1
    )
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, V, (steps, B)), rng.integers(0, V, (steps, B))
    y[1, 0] = -100
    network, named = torch_language_model(torch, model)
    logits, _ = network(torch.from_numpy(x))
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(y).flatten(), reduction=reduction
    )
    loss.backward()
    r = tt.bptt(model, x, y, reduction=reduction)
    assert r.targets == steps * B - 1
    assert r.loss == pytest.approx(loss.item(), rel=1e-12)
    assert list(r.grads) == list(model.params)
    for name, gradient in r.grads.items():
        wanted = named[name].grad.numpy()
        assert np.abs(gradient - wanted).max() <= 1e-10 * np.abs(wanted).max(), name


@pytest.mark.slow
def test_articles_start_has_a_loss_of_log_v():
    model = tt.LanguageModel(8000, 100, cell="rnn", bias=False, init="article", seed=0)
    ids = np.random.default_rng(0).integers(0, 8000, (21, 4))
    assert tt.bptt(model, ids[:-1], ids[1:]).loss == pytest.approx(np.log(8000), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(
    "reading", [{}, {"embedding_size": 32}, {"embedding_size": 64, "tied": True}], ids=str
)
def test_default_start_has_a_loss_near_log_v(cell, reading):
    model = tt.LanguageModel(500, 64, cell=cell, seed=0, **reading)
    ids = np.random.default_rng(0).integers(0, 500, (21, 8))
    assert tt.bptt(model, ids[:-1], ids[1:]).loss == pytest.approx(np.log(500), rel=0.05)


def test_step_by_step_equals_a_whole_pass():
    model = tt.LanguageModel(V, H, "lstm", num_layers=2, embedding_size=4, dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, V, (T, B))
    logits, state = model.forward(ids)
    carried = None
    for t in range(T):
        step, carried = model.step(ids[t], carried)
        np.testing.assert_allclose(step, logits[t], rtol=1e-12)
    np.testing.assert_allclose(carried[1], state[1], rtol=1e-12)


def test_state_carried_over_joins_two_calls():
    model = tt.LanguageModel(V, H, "gru", dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, V, (T + 1, B))
    whole = tt.bptt(model, ids[:-1], ids[1:], truncation=tt.Chunk(4), reduction="sum")
    first = tt.bptt(model, ids[:4], ids[1:5], reduction="sum")
    second = tt.bptt(model, ids[4:-1], ids[5:], state=first.state, reduction="sum")
    assert whole.loss == pytest.approx(first.loss + second.loss, rel=1e-12)
    for name, gradient in whole.grads.items():
        np.testing.assert_allclose(gradient, first.grads[name] + second.grads[name], rtol=1e-9, atol=1e-14)


@pytest.mark.slow
def test_same_seed_gives_the_same_bits_in_another_process():
    script = (
        "import hashlib, numpy as np, throughtime as tt\n"
        "model = tt.LanguageModel(11, 6, 'lstm', dropout=0.3, num_layers=2, seed=3)\n"
        "ids = np.arange(21).reshape(7, 3) % 11\n"
        "r = tt.bptt(model, ids, ids, training=True)\n"
        "print(hashlib.sha256(b''.join(g.tobytes() for g in r.grads.values())).hexdigest())\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_astype_leaves_the_original_alone():
    model = tt.LanguageModel(V, H, "gru", seed=0)
    exact = model.astype("float64")
    exact.params["readout.weight"][...] = 0
    assert np.abs(model.params["readout.weight"]).max() > 0
    assert exact.forward(np.zeros((2, 1), int))[0].dtype == np.float64
    assert model.forward(np.zeros((2, 1), int))[0].dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "error", "found"),
    [
        ({"vocab_size": 0}, tt.ArgumentError, "vocab_size=0"),
        ({"hidden_size": -1}, tt.ArgumentError, "hidden_size=-1"),
        ({"cell": "transformer"}, tt.ArgumentError, "'transformer'"),
        ({"cell": "rnn", "nonlinearity": "gelu"}, tt.ArgumentError, "'gelu'"),
        (
            {"cell": "lstm", "nonlinearity": "relu"},
            tt.ArgumentError,
            "nonlinearity 'relu' found with cell 'lstm'",
        ),
        ({"tied": True}, tt.ArgumentError, "tied=True"),
        ({"init": "orthogonalish"}, tt.ArgumentError, "'orthogonalish'"),
        ({"dropout": 1.0}, tt.ArgumentError, "dropout 1.0"),
        ({"dtype": "float16"}, tt.DtypeError, "float16"),
        ({"dtype": "numbers"}, tt.DtypeError, "numbers"),
        ({"seed": -1}, tt.ArgumentError, "-1"),
    ],
)
def test_wrong_settings_are_one_line(arguments, error, found):
    with pytest.raises(error) as raised:
        tt.LanguageModel(**{"vocab_size": V, "hidden_size": H, **arguments})
    assert found in str(raised.value)
    assert "expected" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("inputs", "targets", "more", "error", "found"),
    [
        (np.full((2, 1), V), np.zeros((2, 1), int), {}, tt.TokenError, "inputs[0, 0] is 11"),
        (np.zeros((2, 1), int), np.full((2, 1), -1), {}, tt.TokenError, "targets[0, 0] is -1"),
        (np.zeros((2, 1)), np.zeros((2, 1), int), {}, tt.DtypeError, "float64"),
        (np.zeros((2, 1), int), np.zeros((2, 1)), {}, tt.DtypeError, "float64"),
        (np.zeros(2, int), np.zeros(2, int), {}, tt.ShapeError, "(2,)"),
        (np.zeros((2, 1), int), np.zeros((3, 1), int), {}, tt.ShapeError, "(3, 1)"),
        (np.zeros((2, 1), int), np.full((2, 1), -100), {}, tt.ArgumentError, "every target"),
        (np.zeros((2, 1), int), np.zeros((2, 1), int), {"reduction": "max"}, tt.ArgumentError, "'max'"),
        (
            np.zeros((2, 1), int),
            np.zeros((2, 1), int),
            {"state": np.zeros((1, 1, H))},
            tt.ShapeError,
            "1 parts",
        ),
        (np.zeros((2, 1), int), np.zeros((2, 1), int), {"lengths": [3]}, tt.ArgumentError, "3 to 3"),
        (np.zeros((2, 1), int), np.zeros((2, 1), int), {"truncation": 0}, tt.ArgumentError, "truncation 0"),
    ],
)
def test_wrong_arrays_are_one_line(inputs, targets, more, error, found):
    model = tt.LanguageModel(V, H, seed=0)
    with pytest.raises(error) as raised:
        tt.bptt(model, inputs, targets, **more)
    assert found in str(raised.value)
    assert "expected" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_of_another_network_are_refused_whole():
    model, other = tt.LanguageModel(V, H, seed=0), tt.LanguageModel(V, H + 1, seed=1)
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(tt.ShapeError, match="expected"):
        model.load_params(other.params)
    with pytest.raises(tt.ShapeError, match="on one side only"):
        model.load_params({"readout.weight": np.zeros((V, H))})
    for name, array in model.params.items():
        assert np.array_equal(array, before[name])


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("rnn.weight_ih_l0", np.zeros((H, V - 1), np.float32)),
        ("embedding.weight", np.zeros((V - 1, H), np.float32)),
        ("readout.weight", np.zeros((V - 1, H), np.float32)),
        ("rnn.weight_hh_l0", np.zeros((H, H))),
        ("readout.bias", None),
    ],
)
def test_parameters_exchanged_for_others_are_refused(name, changed):
    embedding_size = H if "embedding" in name else None
    model = tt.LanguageModel(V, H, "rnn", embedding_size=embedding_size, seed=0)
    if changed is None:
        del model.params[name]
    else:
        model.params[name] = changed
    ids = np.full((2, 1), V - 1)
    for run in (lambda: model.forward(ids), lambda: tt.bptt(model, ids, ids)):
        with pytest.raises(tt.InputError, match=f"parameter '{name}' is .*; expected "):
            run()


def test_weights_have_no_second_home():
    model = tt.LanguageModel(V, H, seed=0)
    with pytest.raises(tt.ArgumentError, match="is missing"):
        model.layers.forward(np.zeros((2, 1), int))


def test_settings_make_the_same_network_again_and_are_fit_for_json():
    model = tt.LanguageModel(np.int64(V), np.int32(H), rnn_relu, dropout=np.float32(0.25), seed=0)
    again = tt.LanguageModel(**json.loads(json.dumps(model.settings)), seed=0)
    assert again.settings == model.settings
    assert again.layers.cell is rnn_relu
    assert {name: array.tolist() for name, array in again.params.items()} == {
        name: array.tolist() for name, array in model.params.items()
    }


def test_articles_start_leaves_a_cells_own_parameters_alone():
    cell = Cell("leaning", *LEANING, gates=("n",), parameters={"bias_of_mine": 0.5})
    model = tt.LanguageModel(V, H, cell, init="article", seed=0)
    assert model.params["rnn.bias_of_mine_l0"].tolist() == [0.5] * H
    assert not model.params["rnn.bias_hh_l0"].any()
