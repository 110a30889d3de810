import hashlib
import json
import math
import re

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import ArgumentError, RunError
from throughtime.initial import generator, normal, parse_initialisation, recorded_generator, uniform
from throughtime.initial.starts import chrono, identity, orthogonal, smart_tanh, xavier
from throughtime.storage import as_python
from throughtime.training.fit import fit

H = 24


def made(init: str, **settings) -> tt.LanguageModel:
    """Two layers, so that a start is seen to reach each."""
    wanted = {
        "cell": "lstm",
        "num_layers": 2,
        "embedding_size": 20,
        "dtype": "float64",
        "seed": 0,
        **settings,
    }
    return tt.LanguageModel(vocab_size=30, hidden_size=H, init=init, **wanted)


def blocks(model: tt.LanguageModel, target: str) -> list[np.ndarray]:
    """One for each gate of each layer."""
    gates = len(model.layers.cell.gates)
    return [block for k in range(2) for block in np.split(model.params[f"rnn.{target}_l{k}"], gates)]


def bias_sums(model: tt.LanguageModel, gate: str) -> list[np.ndarray]:
    at = model.layers.cell.gates.index(gate)
    b_ih, b_hh = blocks(model, "bias_ih"), blocks(model, "bias_hh")
    return [b_ih[k + at] + b_hh[k + at] for k in range(0, len(b_ih), len(model.layers.cell.gates))]


def fingerprint(model: tt.LanguageModel) -> str:
    found = hashlib.sha256()
    for name, array in model.params.items():
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()[:16]


def test_generator_of_an_int_repeats_and_a_generator_is_itself():
    assert generator(3).random() == generator(np.int64(3)).random()
    assert generator(None).random() != generator(None).random()
    rng = np.random.default_rng(0)
    assert generator(rng) is rng


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True])
def test_seed_of_another_kind_is_refused(seed):
    with pytest.raises(ArgumentError, match=r"seed .* found; expected an int of at least 0.*\. Pass seed=0"):
        generator(seed)


KINDS = (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_generator_draws_on(kind):
    rng = np.random.Generator(kind(3))
    rng.random(5, np.float32)
    record = rng.bit_generator.state
    again = recorded_generator(json.loads(json.dumps(record, default=as_python)))
    assert type(again.bit_generator) is kind
    assert (again.random(999, np.float32) == rng.random(999, np.float32)).all()


@pytest.mark.parametrize(
    "state",
    [
        {"bit_generator": "seed"},
        {"bit_generator": "BitGenerator"},
        {"bit_generator": []},
        {"bit_generator": "PCG64"},
        {"bit_generator": "PCG64", "state": {"state": -1, "inc": 2**200}, "has_uint32": 0, "uinteger": 0},
        {"bit_generator": "PCG64", "state": {"state": "x", "inc": 1}, "has_uint32": 0, "uinteger": 0},
        {"bit_generator": "MT19937", "state": {"key": [1, 2], "pos": 3}},
        {"bit_generator": "Philox", "state": {"counter": [], "key": []}, "buffer": 3},
        {"bit_generator": "SFC64", "state": 3},
        [],
        None,
    ],
)
def test_a_generator_that_numpy_has_not_is_no_recorded_one(state):
    with pytest.raises(RunError, match="random generator's state that cannot be restored"):
        recorded_generator(state)


def test_uniform_fills_its_bounds():
    values = uniform(generator(0), (100, 100), 0.25, "float32")
    assert values.dtype == np.float32
    assert 0.249 < values.max() <= 0.25
    assert -0.25 <= values.min() < -0.249
    assert values.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.02)


def test_normal_has_its_standard_deviation():
    values = normal(generator(0), (100, 100), 0.25, "float64")
    assert values.dtype == np.float64
    assert values.std() == pytest.approx(0.25, rel=0.02)
    assert abs(values.mean()) < 0.01


def test_xavier_has_glorot_s_variance_in_every_gate():
    assert xavier(generator(0), (300, 100)).var() == pytest.approx(2 / 400, rel=0.02)
    for block in blocks(made("weight_ih=xavier"), "weight_ih"):
        assert block.var() == pytest.approx(2 / sum(block.shape), rel=0.15)
        assert np.abs(block).max() <= math.sqrt(6 / sum(block.shape))


@pytest.mark.parametrize("shape", [(9, 9), (9, 4), (4, 9)])
def test_orthogonal_has_singular_values_of_its_gain(shape):
    for gain in (1.0, 0.9):
        singular = np.linalg.svd(orthogonal(generator(0), shape, gain), compute_uv=False)
        np.testing.assert_allclose(singular, gain, rtol=1e-13)


def test_orthogonal_is_drawn_alike_from_all_rotations():
    # A QR without its signs made right puts most of the trace on one side.
    traces = [np.trace(orthogonal(generator(seed), (4, 4))) for seed in range(400)]
    assert abs(np.mean(traces)) < 0.2
    assert np.var(traces) == pytest.approx(1, rel=0.25)


def test_every_gate_of_every_layer_is_orthogonal_by_itself():
    recurrent = blocks(made("weight_hh=orthogonal:0.5"), "weight_hh")
    assert len(recurrent) == 8
    for block in recurrent:
        np.testing.assert_allclose(np.linalg.svd(block, compute_uv=False), 0.5, rtol=1e-13)
    assert not np.array_equal(recurrent[0], recurrent[1])


def test_identity_is_scaled_and_only_for_squares():
    np.testing.assert_array_equal(identity((3, 3), 2.0), np.diag([2.0, 2.0, 2.0]))
    for block in blocks(made("weight_hh=identity:0.5", cell="gru"), "weight_hh"):
        np.testing.assert_array_equal(block, 0.5 * np.eye(H))
    with pytest.raises(
        ArgumentError, match=r"weight_ih_l0, whose block is 24 by 20; expected a square one\. Use weight_ih=o"
    ):
        made("weight_ih=identity")


def test_smart_tanh_has_fifteen_connections_a_unit_and_its_radius():
    weights = smart_tanh(generator(0), 50)
    assert (np.count_nonzero(weights, axis=1) == 15).all()
    for block in [weights, *blocks(made("weight_hh=smart-tanh", cell="rnn"), "weight_hh")]:
        assert np.abs(np.linalg.eigvals(block)).max() == pytest.approx(0.95, abs=1e-6)
    assert (np.count_nonzero(made("weight_hh=smart-tanh").params["rnn.weight_hh_l1"], axis=1) == 15).all()


def test_smart_tanh_connects_no_unit_more_than_others():
    # Columns: how many units each is read by, binomial about 15.
    readers = np.count_nonzero(smart_tanh(generator(0), 200), axis=0)
    assert readers.mean() == 15
    assert readers.std() == pytest.approx(math.sqrt(15 * (1 - 15 / 200)), rel=0.25)


def test_forget_bias_reaches_the_pre_activation_of_the_cell():
    model = made("weight_ih=zero,weight_hh=zero,bias=0,bias_f=1")
    state = np.zeros((2, 1, H)), np.ones((2, 1, H))
    _, (_, c) = model.step(np.array([3]), state)
    # i g = sigmoid(0) tanh(0) = 0, so that c = f = sigmoid(a_f).
    np.testing.assert_allclose(np.log(c / (1 - c)), 1.0, rtol=1e-12)


def test_bias_of_a_gate_is_the_sum_and_leaves_the_others():
    plain, model = made("default"), made("bias_f=-2.5")
    for k in range(2):
        np.testing.assert_array_equal(bias_sums(model, "f")[k], -2.5)
        np.testing.assert_array_equal(model.params[f"rnn.bias_hh_l{k}"][H : 2 * H], 0)
        for gate in "igo":
            np.testing.assert_array_equal(bias_sums(model, gate)[k], bias_sums(plain, gate)[k])
    np.testing.assert_array_equal(model.params["readout.bias"], plain.params["readout.bias"])


def test_bias_means_every_bias():
    model = made("bias=0.5", cell="gru")
    for gate in "rzn":
        np.testing.assert_array_equal(bias_sums(model, gate), 0.5)
    np.testing.assert_array_equal(model.params["readout.bias"], 0.5)


def test_chrono_spreads_memories_up_to_the_longest():
    b_f = chrono(generator(0), 20000, 100)
    lasting = np.exp(b_f)
    assert 1 <= lasting.min() < 1.1
    assert 98.9 < lasting.max() <= 99
    assert lasting.mean() == pytest.approx(50, rel=0.02)
    plain, model = made("default"), made("bias=chrono:100")
    for k in range(2):
        forget = bias_sums(model, "f")[k]
        assert forget.min() >= 0
        assert forget.max() <= math.log(99)
        assert forget.std() > 0.1
        np.testing.assert_array_equal(bias_sums(model, "i")[k], -forget)
        np.testing.assert_array_equal(bias_sums(model, "g")[k], bias_sums(plain, "g")[k])
    np.testing.assert_array_equal(model.params["readout.bias"], plain.params["readout.bias"])


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("weight_ih", "rnn.weight_ih_l1"),
        ("weight_hh", "rnn.weight_hh_l1"),
        ("readout", "readout.weight"),
        ("embedding", "embedding.weight"),
    ],
)
def test_each_target_takes_uniform_normal_and_zero(target, name):
    columns = made("default").params[name].shape[1]
    assert np.abs(made(f"{target}=uniform").params[name]).max() == pytest.approx(columns**-0.5, rel=0.02)
    assert np.abs(made(f"{target}=uniform:0.1").params[name]).max() == pytest.approx(0.1, rel=0.02)
    assert made(f"{target}=normal:0.01").params[name].std() == pytest.approx(0.01, rel=0.1)
    assert not made(f"{target}=zero").params[name].any()


def test_biases_take_uniform_normal_and_zero():
    uniform_, normal_ = made("bias=uniform:0.1"), made("bias=normal:3")
    assert np.abs(bias_sums(uniform_, "o")).max() == pytest.approx(0.1, rel=0.1)
    assert np.abs(uniform_.params["readout.bias"]).max() == pytest.approx(0.1, rel=0.1)
    assert np.std(bias_sums(normal_, "o")) == pytest.approx(3, rel=0.3)
    assert not made("bias=zero").params["rnn.bias_ih_l1"].any()


def test_items_come_from_left_to_right_on_top_of_the_whole():
    model = made("article,bias=2,bias_f=1,weight_hh=zero")
    np.testing.assert_array_equal(bias_sums(model, "f"), 1)
    np.testing.assert_array_equal(bias_sums(model, "i"), 2)
    np.testing.assert_array_equal(bias_sums(made("bias_f=1,bias=2"), "f"), 2)
    np.testing.assert_array_equal(
        model.params["rnn.weight_ih_l0"], made("article").params["rnn.weight_ih_l0"]
    )
    assert (
        fingerprint(made("default,bias_f=1"))
        == fingerprint(made(" bias_f = 1 "))
        != fingerprint(made("default"))
    )


# What the whole-network starts were before there were items: weights of a seed are part of what users rely on.
@pytest.mark.parametrize(
    ("init", "cell", "embedding_size", "bits"),
    [
        ("default", "rnn", None, "c1a5ed52e66ca02d"),
        ("default", "lstm", 8, "746f3bacdf574f0e"),
        ("default", "gru", 12, "1eb3ad7187f9f770"),
        ("article", "rnn", None, "08b4ba813fe0a2a2"),
        ("article", "lstm", 8, "8a74ad64b0537d13"),
        ("article", "gru", 12, "a8c0bb2c7c9611fa"),
    ],
)
def test_whole_starts_keep_their_bits(init, cell, embedding_size, bits):
    tied = embedding_size == 12
    model = tt.LanguageModel(20, 12, cell, 2, embedding_size, tied, init=init, seed=4)
    assert fingerprint(model) == bits


@pytest.mark.parametrize(
    "init", ["weight_hh=orthogonal,weight_ih=xavier", "weight_hh=smart-tanh", "bias=chrono:50"]
)
def test_same_seed_gives_the_same_bits(init):
    assert fingerprint(made(init)) == fingerprint(made(init)) != fingerprint(made(init, seed=1))


def test_one_hot_weights_keep_their_memory_order():
    model = made("weight_ih=orthogonal", embedding_size=None)
    assert model.params["rnn.weight_ih_l0"].flags.f_contiguous
    for block in np.split(model.params["rnn.weight_ih_l0"], 4):
        np.testing.assert_allclose(np.linalg.svd(block, compute_uv=False), 1, rtol=1e-13)


def test_sequence_model_starts_by_name_too():
    model = tt.SequenceModel(
        3,
        16,
        2,
        cell="rnn",
        nonlinearity="relu",
        init="weight_hh=identity,bias=0,weight_ih=normal:0.001",
        seed=0,
    )
    np.testing.assert_array_equal(model.params["rnn.weight_hh_l0"], np.eye(16))
    assert model.settings["init"] == "weight_hh=identity,bias=0,weight_ih=normal:0.001"


def test_init_survives_the_run_directory(tmp_path):
    model = made("article,weight_hh=orthogonal,bias_f=1")
    fit(model, np.arange(200) % 30, max_steps=1, out=tmp_path / "run")
    loaded = tt.load(tmp_path / "run").model
    assert loaded.settings == model.settings
    assert loaded.settings["init"] == "article,weight_hh=orthogonal,bias_f=1"
    assert fingerprint(loaded) == fingerprint(model)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (None, "init None found; expected a string: default, article, or items TARGET=START. Use default"),
        ("glorot", "init 'glorot' has 'glorot'; expected default or article, first, and items TARGET=START"),
        ("", "init '' has ''; expected default or article"),
        ("bias_f=1,", "init 'bias_f=1,' has ''; expected default or article"),
        ("bias_f=1,article", "has 'article'; expected default or article, first"),
        ("weights=xavier", "target 'weights' found; expected one of weight_ih, weight_hh, bias, bias_GATE, readout, embedding."),
        ("weight_hh=othogonal", "weight_hh=othogonal found; expected for weight_hh one of uniform[:BOUND], xavier, "),
        ("weight_hh=1", "weight_hh=1 found; expected for weight_hh one of uniform[:BOUND]"),
        ("weight_hh=", "weight_hh= found; expected for weight_hh one of uniform[:BOUND]"),
        ("weight_ih=smart-tanh", "weight_ih=smart-tanh found; expected for weight_ih one of uniform"),
        ("bias_f=one", "bias_f=one found; expected for bias_f one of uniform:BOUND, normal:SD, zero, a number."),
        ("bias_f=number", "bias_f=number found; expected for bias_f one of"),
        ("bias_f=nan", "bias_f=nan found; expected for bias_f one of"),
        ("bias_f=1e31", "bias_f=1e31 found; expected for bias_f one of"),
        ("bias_f=chrono:9", "bias_f=chrono:9 found; expected for bias_f one of"),
        ("bias=uniform", "bias=uniform found; expected bias=uniform:BOUND. Give a number."),
        ("weight_hh=normal", "weight_hh=normal found; expected weight_hh=normal:SD. Give a number."),
        ("weight_hh=xavier:2", "weight_hh=xavier:2 found; expected weight_hh=xavier. Leave the number out."),
        ("weight_hh=normal:-1", "weight_hh=normal:-1 found; expected normal:SD with a number above 0 and below 1e30."),
        ("weight_hh=orthogonal:", "weight_hh=orthogonal: found; expected orthogonal[:GAIN] with a number above 0"),
        ("weight_hh=identity:inf", "weight_hh=identity:inf found; expected identity[:SCALE] with a number above 0"),
        ("bias=chrono:2", "bias=chrono:2 found; expected chrono:TMAX with a number above 2 and below 1e30."),
        ("bias_f=1,bias_f=2", "init 'bias_f=1,bias_f=2' names bias_f twice; expected each target once. Leave one out."),
    ],
)  # fmt: skip
def test_init_that_means_nothing_is_refused_in_one_line(init, message):
    with pytest.raises(ArgumentError, match=re.escape(message)) as error:
        parse_initialisation(init)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("init", "settings", "message"),
    [
        ("bias_q=1", {}, "init target bias_q found; expected one of bias, bias_i, bias_f, bias_g, bias_o for this cell."),
        ("bias_f=1", {"cell": "gru"}, "init target bias_f found; expected one of bias, bias_r, bias_z, bias_n for"),
        ("bias=chrono:9", {"cell": "gru"}, "bias=chrono:9 found with a cell of gates r, z, n; expected one with gates f"),
        ("bias_f=1", {"bias": False}, "bias_f=1 found with bias=False; expected a model with biases. Set bias=True"),
        ("embedding=xavier", {"embedding_size": None}, "embedding=xavier found in a model without one; expected it where"),
        ("readout=xavier", {"embedding_size": H, "tied": True}, "readout=xavier found in a tied model; expected a readout"),
        ("readout=identity", {}, "readout=identity found for readout.weight, whose block is 30 by 24; expected a square"),
    ],
)  # fmt: skip
def test_init_that_does_not_fit_the_model_is_refused_in_one_line(init, settings, message):
    with pytest.raises(ArgumentError, match=re.escape(message)) as error:
        made(init, **settings)
    assert "\n" not in str(error.value)


def test_smart_tanh_needs_room_for_its_connections():
    with pytest.raises(ArgumentError, match=r"found with hidden_size=14; expected at least 15"):
        tt.LanguageModel(30, 14, init="weight_hh=smart-tanh")
