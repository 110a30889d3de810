"""A model written as ONNX graphs, its tokenizer beside them."""

import os
from pathlib import Path

import onnx

from throughtime.exchange.package import Exported, require_ours, unpacked, write_package
from throughtime.networks.network import Network
from throughtime.onnx.graph import PRODUCER, require_operator, sequence_graph, step_graph
from throughtime.onnx.verify import verify
from throughtime.training.run import Run

SEQUENCE, STEP = "sequence.onnx", "step.onnx"


def _is_ours(content: bytes) -> bool:
    try:
        graph = onnx.load_model_from_string(content)
    except Exception:  # noqa: BLE001  # no ONNX at all; the class is protobuf's own
        return False
    return bool(graph.producer_name == PRODUCER)


_ORIGINS = {STEP: _is_ours, SEQUENCE: _is_ours}


def export(model: Network | Run, directory: str | os.PathLike[str]) -> Exported:
    """Write a model as two ONNX graphs, checked against the model itself in onnxruntime.

    `sequence.onnx` takes all steps at once, `step.onnx` one; the state goes in and out of both by name, `h` and for LSTM
    `c`, out as `h_out` and `c_out`, (num_layers, batch, H) each. The number of steps and the batch may be any from 1 on. See
    `throughtime.onnx.sequence_graph` and `step_graph`.

    Differences are at most `TOLERANCE` of the largest value; but where the model's own results in float32 and in float64 are
    further apart, as those of a chaotic network are, up to ten times as much as that. `error` says how much it is.

    Parameters
    ----------
    model : LanguageModel, SequenceModel or Run
        Of a run the tokenizer is written, too, and its `special_ids`, which are not to be generated, stand in the graphs'
        metadata, as JSON.
    directory : path
        A new or empty one, or one that an earlier export has written. Each file appears whole or not at all.

    Raises
    ------
    ArgumentError
        ONNX has no operator for the model's cell.
    RunError
        The directory holds something else.
    DivergedError, WorkFailed
        The model's weights or results are not finite in float32, or a graph does not compute what the model does. Nothing is written.

    Examples
    --------
    >>> import tempfile
    >>> import throughtime as tt
    >>> import throughtime.onnx
    >>> model = tt.SequenceModel(1, 8, 1, cell="gru", seed=0)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     found = throughtime.onnx.export(model, place + "/model")
    >>> found.files, found.error < 1e-5
    (('sequence.onnx', 'step.onnx'), True)
    """
    network, tokenizer = unpacked(model)
    path = Path(directory)
    require_operator(network)
    require_ours(path, _ORIGINS, tokenizer)
    sequence, step = sequence_graph(network), step_graph(network)
    if tokenizer is not None:
        for graph in (sequence, step):
            graph.metadata_props.add(key="special_ids", value=str([*tokenizer.special_ids]))
    error = verify(network, sequence, step)
    graphs = {SEQUENCE: sequence.SerializeToString(), STEP: step.SerializeToString()}
    files = write_package(path, graphs, tokenizer)
    return Exported(path, files, error, rounded=network.dtype.name == "float64")
