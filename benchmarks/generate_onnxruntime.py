"""Text from a character LSTM in onnxruntime: one run of the session a token, the state carried from run to run."""

from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

VOCAB_SIZE, EMBEDDING_SIZE = 65, 128
OPSET, IR_VERSION = 17, 8
GATES = [0, 3, 1, 2]  # ONNX's i, o, f, c in PyTorch's order i, f, g, o


def make_generate(hidden_size: int) -> Callable[[int], list[int]]:
    """A function that draws so many tokens at temperature 1; a later call goes on where the one before ended."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    model = _model(hidden_size).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)

    # Bound to fixed places, a third faster than plain runs: two sets of states, each run's output the next one's input.
    token = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1), np.int64))
    zeros = np.zeros((1, 1, hidden_size), np.float32)
    states = [
        {name: onnxruntime.OrtValue.ortvalue_from_numpy(zeros.copy()) for name in ("h", "c")}
        for _ in range(2)
    ]
    outputs = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, VOCAB_SIZE), np.float32))
    bindings = []
    for before, after in (states, states[::-1]):
        binding = session.io_binding()
        binding.bind_ortvalue_input("token", token)
        binding.bind_ortvalue_output("logits", outputs)
        for name in ("h", "c"):
            binding.bind_ortvalue_input(name, before[name])
            binding.bind_ortvalue_output(f"{name}_next", after[name])
        bindings.append(binding)

    def generate(length: int) -> list[int]:
        drawn = []
        for u in rng.random(length):
            session.run_with_iobinding(bindings[0])
            bindings.reverse()
            logits = outputs.numpy()[0]
            cumulative = np.exp(logits - logits.max()).cumsum()
            drawn.append(int(cumulative.searchsorted(u * cumulative[-1], side="right")))
            token.update_inplace(np.array([drawn[-1:]]))
        return drawn

    return generate


def _model(H: int) -> ModelProto:
    """Embedding, LSTM and readout, started as PyTorch's are."""
    rng = np.random.default_rng(0)

    def uniform(*shape: int) -> np.ndarray:
        return rng.uniform(-(H**-0.5), H**-0.5, shape).astype(np.float32)

    def onnx_gates(rows: np.ndarray) -> np.ndarray:
        return rows.reshape(4, H, -1)[GATES].reshape(1, 4 * H, -1)

    biases = [onnx_gates(uniform(4 * H))[..., 0] for _ in ("input", "recurrent")]
    weights = {
        "embedding": rng.standard_normal((VOCAB_SIZE, EMBEDDING_SIZE)).astype(np.float32),
        "W": onnx_gates(uniform(4 * H, EMBEDDING_SIZE)),
        "R": onnx_gates(uniform(4 * H, H)),
        "B": np.concatenate(biases, axis=1),
        "V": np.ascontiguousarray(uniform(VOCAB_SIZE, H).T),
        "b": uniform(VOCAB_SIZE),
        "last": np.array([1, H]),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "token"], ["x"]),
        helper.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], ["", "h_next", "c_next"], hidden_size=H),
        helper.make_node("Reshape", ["h_next", "last"], ["top"]),
        helper.make_node("Gemm", ["top", "V", "b"], ["logits"]),
    ]
    state = [1, 1, H]
    graph = helper.make_graph(
        nodes,
        "character LSTM",
        [
            helper.make_tensor_value_info("token", TensorProto.INT64, [1, 1]),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, state),
            helper.make_tensor_value_info("c", TensorProto.FLOAT, state),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, VOCAB_SIZE]),
            helper.make_tensor_value_info("h_next", TensorProto.FLOAT, state),
            helper.make_tensor_value_info("c_next", TensorProto.FLOAT, state),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    return model
