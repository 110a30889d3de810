"""ONNX graphs held against the model that they were made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from throughtime.errors import DivergedError, WorkFailed
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.network import Network

# Of the largest number compared: a hundred times the rounding of float32.
TOLERANCE = 1e-5
# A chaotic network makes more of any rounding: so many times what it makes of its own.
_OF_ITS_OWN = 10
# (T, batch). At these every mistake shows; over more steps chaos would.
_SHAPES = (1, 1), (2, 3), (9, 2)


def verify(model: Network, sequence: onnx.ModelProto, step: onnx.ModelProto) -> float:
    """Check both graphs, and run them in onnxruntime on random inputs from random states.

    Returns
    -------
    float
        The largest difference from the model's own outputs and states, as a share of the largest of those.

    Raises
    ------
    DivergedError
        What the model itself gives in float32 is not finite.
    WorkFailed
        A difference is above `TOLERANCE`, and not because the model itself, in float32 and in float64, differs like that.
    """
    rng = np.random.default_rng(0)
    worst = 0.0
    for graph in (sequence, step):
        onnx.checker.check_model(graph, full_check=True)
        session = _session(graph)
        stepwise = graph is step
        for T, B in _SHAPES:
            inputs, state = _draw(model, rng, T, B)
            found = _run_steps(session, inputs, state) if stepwise else _run(session, inputs, state)
            with np.errstate(over="ignore", invalid="ignore"):  # it is told as an error
                worst = max(worst, _compare(model, session, found, inputs, state, stepwise))
    return worst


def _session(graph: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _draw(model: Network, rng: np.random.Generator, T: int, B: int) -> tuple[Array, dict[str, Array]]:
    """Inputs, and a state of each part by name."""
    layers = model.layers
    inputs: Array
    if isinstance(model, LanguageModel):
        inputs = rng.integers(0, model.vocab_size, (T, B))
    else:
        inputs = rng.standard_normal((T, B, layers.input_size)).astype(np.float32)
    shape = layers.num_layers, B, layers.hidden_size
    return inputs, {name: rng.uniform(-1, 1, shape).astype(np.float32) for name in layers.cell.states}


def _run(session: Any, inputs: Array, state: Mapping[str, Array]) -> list[Array]:
    """Outputs, then each part of the state."""
    found: list[Array] = session.run(None, {session.get_inputs()[0].name: inputs, **state})
    return found


def _run_steps(session: Any, inputs: Array, state: Mapping[str, Array]) -> list[Array]:
    """The same step by step, the state handed on."""
    outputs = []
    for x in inputs:
        output, *parts = _run(session, x, state)
        outputs.append(output)
        state = dict(zip(state, parts, strict=True))
    return [np.stack(outputs), *parts]


def _own(model: Network, inputs: Array, state: Mapping[str, Array], every: bool) -> list[Array]:
    """What the model itself gives, of every step or as it does."""
    if inputs.dtype.kind == "f":
        inputs = inputs.astype(model.dtype)
    parts = tuple(part.astype(model.dtype) for part in state.values())
    outputs, left = model.forward(
        inputs, parts if len(parts) > 1 else parts[0], at="every" if every else None
    )
    return [outputs, *(left if isinstance(left, tuple) else (left,))]


def _compare(
    model: Network,
    session: Any,
    found: Sequence[Array],
    inputs: Array,
    state: Mapping[str, Array],
    stepwise: bool,
) -> float:
    """The largest difference, if it is small."""
    errors = _errors(found, _own(model, inputs, state, stepwise))
    if max(errors) <= TOLERANCE:
        return max(errors)
    single, double = (_own(model.astype(dtype), inputs, state, stepwise) for dtype in ("float32", "float64"))
    for output, array, error, own in zip(
        session.get_outputs(), single, errors, _errors(single, double), strict=True
    ):
        if not np.isfinite(array).all():
            raise DivergedError(
                f"the model's own {output.name} is not finite in float32; expected finite numbers, as nothing can be compared "
                "with others. Export a model that has not diverged."
            )
        if error > TOLERANCE and not error <= _OF_ITS_OWN * own < np.inf:
            raise WorkFailed(
                f"the {'step' if stepwise else 'sequence'} graph's {output.name} is {error:.1e} of the largest value away from "
                f"the model's; expected at most {TOLERANCE:g}. Nothing was written: report it, with onnxruntime "
                f"{onnxruntime.__version__}."
            )
    return max(errors)


def _errors(found: Sequence[Array], expected: Sequence[Array]) -> list[float]:
    """Of each array the largest difference, as a share of the largest value; infinite where it is no number."""
    pairs = zip(found, expected, strict=True)
    errors = [float(np.abs(a - b).max() / (np.abs(b).max() or 1.0)) for a, b in pairs]
    return [error if np.isfinite(error) else np.inf for error in errors]
