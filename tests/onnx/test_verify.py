import numpy as np
import pytest
import tests.onnx.session as ort

import throughtime as tt
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
