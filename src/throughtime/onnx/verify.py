"""ONNX graphs held against the model that they were made of."""

from collections.abc import Iterator, Mapping
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
# (T, batch). So short that a chaotic network's rounding does not grow; at these every mistake shows.
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
        The model's weights are not finite.
    WorkFailed
        A difference is above `TOLERANCE`.
    """
    if not all(np.isfinite(array).all() for array in model.params.values()):
        raise DivergedError(
            "the model's weights are not finite; expected finite numbers, as nothing can be compared with others. Train again."
        )
    for graph in (sequence, step):
        onnx.checker.check_model(graph, full_check=True)
    errors = [
        *_differences("sequence", _whole(model, _session(sequence))),
        *_differences("step", _stepwise(model, _session(step))),
    ]
    return max(errors)


def _session(graph: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


# By name, what a graph gives and what the model gives.
_Pairs = dict[str, tuple[Array, Array]]


def _whole(model: Network, session: Any) -> Iterator[_Pairs]:
    """The sequence graph at each shape."""
    rng = np.random.default_rng(0)
    for T, B in _SHAPES:
        inputs, state = _draw(model, rng, T, B)
        yield _compared(model, session, _run(session, inputs, state), model.forward(inputs, _packed(state)))


def _stepwise(model: Network, session: Any) -> Iterator[_Pairs]:
    """The step graph, its state handed on from step to step, against the model's own whole sequence."""
    rng = np.random.default_rng(1)
    for T, B in _SHAPES:
        inputs, first = _draw(model, rng, T, B)
        given: list[list[Array]] = []
        state = first
        for x in inputs:
            given.append(_run(session, x, state))
            state = dict(zip(state, given[-1][1:], strict=True))
        outputs = np.stack([each[0] for each in given])
        expected = model.forward(inputs, _packed(first), at="every")
        yield _compared(model, session, [outputs, *given[-1][1:]], expected)


def _draw(model: Network, rng: np.random.Generator, T: int, B: int) -> tuple[Array, dict[str, Array]]:
    """Inputs, and a state of each part by name."""
    layers = model.layers
    inputs: Array
    if isinstance(model, LanguageModel):
        inputs = rng.integers(0, model.vocab_size, (T, B))
    else:
        inputs = rng.standard_normal((T, B, layers.input_size)).astype(model.dtype)
    shape = layers.num_layers, B, layers.hidden_size
    return inputs, {name: rng.uniform(-1, 1, shape).astype(model.dtype) for name in layers.cell.states}


def _packed(state: Mapping[str, Array]) -> Any:
    """A state as layers have it."""
    parts = tuple(state.values())
    return parts if len(parts) > 1 else parts[0]


def _run(session: Any, inputs: Array, state: Mapping[str, Array]) -> list[Array]:
    """Outputs, then each part of the state."""
    name = session.get_inputs()[0].name
    given = {name: inputs, **state}
    fed = {name: x.astype(np.float32) if x.dtype.kind == "f" else x for name, x in given.items()}
    found: list[Array] = session.run(None, fed)
    return found


def _compared(model: Network, session: Any, given: list[Array], expected: tuple[Array, Any]) -> _Pairs:
    outputs, state = expected
    parts = state if isinstance(state, tuple) else (state,)
    names = [output.name for output in session.get_outputs()]
    return {name: (found, own) for name, found, own in zip(names, given, (outputs, *parts), strict=True)}


def _differences(graph: str, runs: Iterator[_Pairs]) -> Iterator[float]:
    for run in runs:
        for name, (found, own) in run.items():
            error = float(np.abs(found - own).max() / (np.abs(own).max() or 1.0))
            if found.shape != own.shape or not error <= TOLERANCE:
                raise WorkFailed(
                    f"the {graph} graph's {name} is {error:.1e} of the largest value away from the model's; expected at most "
                    f"{TOLERANCE:g}. Nothing was written: report it, with onnxruntime {onnxruntime.__version__}."
                )
            yield error
