import numpy as np
import pytest
import tests.onnx.session as ort

import throughtime as tt
from throughtime.onnx import verify as module
from throughtime.onnx.graph import sequence_graph, step_graph
from throughtime.onnx.verify import TOLERANCE, verify


def nudged(graph, name: str, share: float):
    """The graph with a quarter of one weight changed a little."""
    weight = next(each for each in graph.graph.initializer if each.name == name)
    array = ort.to_array(weight).copy()
    array.flat[: array.size // 4 + 1] += share * np.abs(array).max()
    weight.CopyFrom(ort.onnx.numpy_helper.from_array(array, name))
    return graph


@pytest.mark.parametrize("which", ["sequence", "step"])
@pytest.mark.parametrize("name", ["W_0", "R_0", "B_0", "R_1", "readout", "readout.bias"])
def test_verify_finds_a_weight_that_is_a_little_off(which, name):
    model = tt.LanguageModel(9, 6, "lstm", 2, seed=0)
    graphs = {"sequence": sequence_graph(model), "step": step_graph(model)}
    assert verify(model, **graphs) < TOLERANCE / 10
    nudged(graphs[which], name, 0.02)
    with pytest.raises(tt.WorkFailed, match=f"the {which} graph's "):
        verify(model, **graphs)


def test_verify_lets_a_chaotic_network_make_of_rounding_what_it_will():
    model = tt.LanguageModel(9, 60, "rnn", seed=0)
    for array in model.params.values():
        array *= 12
    sequence, step = sequence_graph(model), step_graph(model)
    assert TOLERANCE < verify(model, sequence, step) < 1e-2
    with pytest.raises(tt.WorkFailed, match="expected at most 1e-05"):
        verify(model, sequence, nudged(step, "W_0", 0.02))


def test_verify_refuses_what_is_no_number():
    model = tt.LanguageModel(9, 6, "gru", seed=0)
    step = nudged(step_graph(model), "readout", np.inf)
    with pytest.raises(tt.WorkFailed, match="the step graph's logits is inf of"):
        verify(model, sequence_graph(model), step)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_verify_refuses_a_model_that_overflows(dtype):
    model = tt.LanguageModel(9, 6, "rnn", nonlinearity="relu", seed=0, dtype=dtype)
    for array in model.params.values():
        array *= 1e6
    with pytest.raises(tt.DivergedError, match="the model's own logits is not finite in float32; expected"):
        verify(model, sequence_graph(model), step_graph(model))


def test_verify_excuses_an_array_by_its_own_error_alone(monkeypatch):
    model = tt.LanguageModel(9, 6, "gru", seed=0)
    wrong = nudged(step_graph(model), "readout.bias", 0.5)
    monkeypatch.setattr(module, "_errors", spoiled(module._errors))
    with pytest.raises(tt.WorkFailed, match="the step graph's logits is "):
        verify(model, sequence_graph(model), wrong)


def spoiled(errors):
    """As if float32 and float64 differed much, in what is no output: the state."""

    def found(one, other):
        measured = errors(one, other)
        if one[0].dtype != other[0].dtype:
            measured[1] = 1.0
        return measured

    return found
