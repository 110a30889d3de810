"""Graphs run by onnxruntime alone."""

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="its tests need onnx: pip install 'throughtime[onnx]'")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="its tests need onnxruntime: pip install 'throughtime[onnx]'"
)


def session(graph: Any) -> Any:
    """What runs a graph, or a file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = graph.SerializeToString() if isinstance(graph, onnx.ModelProto) else str(graph)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(graph: Any, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by name, of a graph or of what runs it."""
    runs = session(graph) if isinstance(graph, onnx.ModelProto) else graph
    names = [output.name for output in runs.get_outputs()]
    return dict(zip(names, runs.run(None, inputs), strict=True))


def sizes(values: Any) -> dict[str, list[int | str]]:
    """Shapes by name."""
    return {value.name: value.shape for value in values}


def to_array(weight: Any) -> np.ndarray:
    found: np.ndarray = onnx.numpy_helper.to_array(weight)
    return found
