"""A text by a character LSTM in onnxruntime: one call a character, the state going in and out by name."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers import Timed
from benchmarks.tasks import Generation


def make_graph(task: Generation) -> onnx.ModelProto:
    """Token, h and c in; logits, h and c out. The order of ONNX's gates is i, o, f, c."""
    rng = np.random.default_rng(0)
    V, E, H = task.vocab_size, task.embedding_size, task.hidden_size

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        array = rng.uniform(-(H**-0.5), H**-0.5, shape).astype(np.float32)
        return numpy_helper.from_array(array, name)

    weights = [
        weight("table", V, E),
        weight("W", 1, 4 * H, E),
        weight("R", 1, 4 * H, H),
        weight("B", 1, 8 * H),
        weight("readout", H, V),
        weight("bias", V),
    ]
    weights += [
        numpy_helper.from_array(np.array(axes, np.int64), name)
        for name, axes in (("row", (1, 1, E)), ("flat", (1, H)))
    ]
    state = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, H])
        for name in ("h", "c", "h_next", "c_next")
    }
    nodes = [
        helper.make_node("Gather", ["table", "token"], ["embedded"]),
        helper.make_node("Reshape", ["embedded", "row"], ["x"]),
        helper.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], ["", "h_next", "c_next"], hidden_size=H),
        helper.make_node("Reshape", ["h_next", "flat"], ["y"]),
        helper.make_node("Gemm", ["y", "readout", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "character LSTM",
        [helper.make_tensor_value_info("token", TensorProto.INT64, [1]), state["h"], state["c"]],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, V]),
            state["h_next"],
            state["c_next"],
        ],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make_text(task: Generation) -> Timed:
    """One text, from its first character to its last."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        make_graph(task).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = ["logits", "h_next", "c_next"]
    zeros = np.zeros((1, 1, task.hidden_size), np.float32)

    def write() -> list[int]:
        rng = np.random.default_rng(0)
        token, h, c, text = 0, zeros, zeros, []
        for _ in range(task.length):
            logits, h, c = session.run(names, {"token": np.array([token]), "h": h, "c": c})
            p = np.exp(logits[0] - logits[0].max())
            cumulative = np.cumsum(p)
            token = int(cumulative.searchsorted(rng.random() * cumulative[-1], side="right"))
            token = min(token, task.vocab_size - 1)
            text.append(token)
        return text

    return Timed(write, "one call a token, float32, 1 thread, temperature 1", task.length)
