import numpy as np
import pytest
import tests.onnx.session as ort
from numpy.testing import assert_allclose

import throughtime as tt
from throughtime.onnx import sequence_graph, step_graph

V, H = 9, 6
CELLS = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "tanh": {"cell": "rnn"},
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "sigmoid": {"cell": "rnn", "nonlinearity": "sigmoid"},
}
INPUTS = {
    "one-hot vectors": {},
    "columns": {"vocab_size": 5 * H},  # more tokens than an LSTM has gates
    "embedding": {"embedding_size": 5},
    "tied": {"embedding_size": H, "tied": True},
}


def language_model(**settings) -> tt.LanguageModel:
    return tt.LanguageModel(**{"vocab_size": V, "hidden_size": H, "seed": 0, **settings})


def ids(model: tt.LanguageModel, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, model.vocab_size, shape)


def a_state(model: tt.LanguageModel, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    shape = model.layers.num_layers, batch, H
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name in model.layers.cell.states}


def own(model: tt.LanguageModel, inputs: np.ndarray, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the model itself gives, by the names of the graphs' outputs."""
    parts = tuple(state.values())
    outputs, left = model.forward(inputs, parts if len(parts) > 1 else parts[0])
    left = left if isinstance(left, tuple) else (left,)
    return {"logits": outputs} | {f"{name}_out": part for name, part in zip(state, left, strict=True)}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("read", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_graphs_give_what_the_model_gives(cell, read, num_layers, bias):
    model = language_model(**cell, **read, num_layers=num_layers, bias=bias)
    inputs, state = ids(model, 7, 2), a_state(model, 2)
    expected = own(model, inputs, state)
    found = ort.run(sequence_graph(model), ids=inputs, **state)
    step = ort.session(step_graph(model))
    logits = []
    for x in inputs:
        given = ort.run(step, ids=x, **state)
        logits.append(given["logits"])
        state = {name: given[f"{name}_out"] for name in state}
    for name, array in expected.items():
        assert_allclose(found[name], array, rtol=0, atol=2e-6, err_msg=name)
    assert_allclose(logits, expected["logits"], rtol=0, atol=2e-6)
    assert_allclose(state["h"], expected["h_out"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("T", [1, 4])
@pytest.mark.parametrize("B", [1, 3])
def test_graphs_take_any_length_and_batch(T, B):
    model = language_model(cell="gru")
    inputs, state = ids(model, T, B), a_state(model, B)
    found = ort.run(sequence_graph(model), ids=inputs, **state)
    assert_allclose(found["logits"], own(model, inputs, state)["logits"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("at", ["every", "last"])
def test_graphs_of_a_sequence_model(at):
    model = tt.SequenceModel(3, H, 2, "lstm", 2, at=at, seed=0)
    x = np.random.default_rng(1).standard_normal((5, 4, 3)).astype(np.float32)
    state = {name: np.zeros((2, 4, H), np.float32) for name in ("h", "c")}
    expected, (h, c) = model.forward(x)
    found = ort.run(sequence_graph(model), x=x, **state)
    assert_allclose(found["outputs"], expected, rtol=0, atol=1e-6)
    assert_allclose(found["h_out"], h, rtol=0, atol=1e-6)
    assert_allclose(found["c_out"], c, rtol=0, atol=1e-6)
    for x_t in x:
        given = ort.run(step_graph(model), x=x_t, **state)
        state = {"h": given["h_out"], "c": given["c_out"]}
    assert_allclose(given["outputs"], expected[-1] if at == "every" else expected, rtol=0, atol=1e-6)


def test_graphs_say_their_sizes_and_what_they_are_of():
    model = language_model(num_layers=2)
    sequence, step = ort.session(sequence_graph(model)), ort.session(step_graph(model))
    states = {"h": [2, "batch", H], "c": [2, "batch", H]}
    left = {f"{name}_out": shape for name, shape in states.items()}
    assert ort.sizes(sequence.get_inputs()) == {"ids": ["T", "batch"], **states}
    assert ort.sizes(sequence.get_outputs()) == {"logits": ["T", "batch", V], **left}
    assert ort.sizes(step.get_inputs()) == {"ids": ["batch"], **states}
    assert ort.sizes(step.get_outputs()) == {"logits": ["batch", V], **left}
    about = sequence.get_modelmeta()
    assert about.producer_name == "throughtime"
    assert about.custom_metadata_map["throughtime"] == tt.__version__
    facts = {name: about.custom_metadata_map[name] for name in ("cell", "hidden_size", "vocab_size")}
    assert facts == {"cell": "lstm", "hidden_size": "6", "vocab_size": "9"}


def test_columns_are_read_where_that_is_the_smaller_product():
    few, many = (sequence_graph(language_model(cell="rnn", vocab_size=size)) for size in (H, H + 1))
    assert "OneHot" in {node.op_type for node in few.graph.node}
    assert "OneHot" not in {node.op_type for node in many.graph.node}


@pytest.mark.parametrize("name", ["mine", "gru"])
def test_a_cell_of_one_s_own_is_refused(name):
    gru = tt.GRU(1, 1).cell
    mine = tt.Cell(name, gru.forward, gru.backward, gru.gates, gru.states, apart=gru.apart)
    with pytest.raises(tt.ArgumentError, match=f"the cell '{name}' found; expected rnn, lstm or gru"):
        sequence_graph(language_model(cell=mine))


def test_float64_is_rounded_once():
    model = language_model(dtype="float64")
    kept = {weight.name: weight for weight in sequence_graph(model).graph.initializer}
    found = ort.to_array(kept["readout.bias"])
    np.testing.assert_array_equal(found, model.params["readout.bias"].astype(np.float32))
    assert {ort.to_array(weight).dtype.name for weight in kept.values()} == {"float32", "int64"}
