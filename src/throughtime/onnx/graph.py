"""Models as ONNX graphs: over a sequence, and over one step.

Both have the recurrent state as named inputs and outputs, `h` and for LSTM `c`, each (num_layers, batch, H), as onnxruntime
keeps nothing between two calls.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import throughtime
from throughtime.cells.named import is_named
from throughtime.errors import ArgumentError, DivergedError
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.network import Network

# Old enough for whatever still runs, and the last in which these operators changed.
OPSET, IR_VERSION = 17, 8
PRODUCER = "throughtime"
# By cell: the operator, its attributes, and where its gates stand among ours (PyTorch's).
_OPERATORS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "lstm": ("LSTM", {}, (0, 3, 1, 2)),  # i, o, f, c
    "gru": ("GRU", {"linear_before_reset": 1}, (1, 0, 2)),  # z, r, h
    "rnn_tanh": ("RNN", {"activations": ["Tanh"]}, (0,)),
    "rnn_relu": ("RNN", {"activations": ["Relu"]}, (0,)),
    "rnn_sigmoid": ("RNN", {"activations": ["Sigmoid"]}, (0,)),
}


def sequence_graph(model: Network) -> onnx.ModelProto:
    """All steps at once.

    A language model reads `ids` (T, batch) of int64 and gives `logits` (T, batch, V); a sequence model reads `x`
    (T, batch, I) and gives `outputs` (T, batch, O), or at the last step (batch, O). Numbers are float32. T and batch are any
    from 1 on, and ids 0 to V - 1: of others some graphs make numbers without meaning, as ONNX leaves that to each operator.

    Raises
    ------
    ArgumentError
        ONNX has no operator for the model's cell.
    DivergedError
        The model's weights are not finite in float32.
    """
    return _Builder(model, over_time=True).make()


def step_graph(model: Network) -> onnx.ModelProto:
    """One step: `ids` (batch,) or `x` (batch, I); `logits` (batch, V) or `outputs` (batch, O).

    Raises
    ------
    ArgumentError, DivergedError
        As `sequence_graph`.
    """
    return _Builder(model, over_time=False).make()


def require_operator(model: Network) -> None:
    """Raise ArgumentError unless ONNX has an operator for the model's cell."""
    cell = model.layers.cell
    if cell.name not in _OPERATORS or not is_named(cell):
        raise ArgumentError(
            f"a model of the cell {cell.name!r} found; expected rnn, lstm or gru, as ONNX has no operator for another. Train "
            "one of these, or run the model in throughtime."
        )


def _require_finite(model: Network) -> None:
    for name, array in model.params.items():
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        if not np.isfinite(single).all():
            raise DivergedError(
                f"{name} is not finite in float32; expected finite weights, as onnxruntime's recurrent operators know no other "
                "type. Export a model that has not diverged."
            )


class _Builder:
    """A graph as it grows: nodes, and the weights that they name."""

    def __init__(self, model: Network, over_time: bool) -> None:
        require_operator(model)
        _require_finite(model)
        self._model, self._over_time = model, over_time
        self._operator, self._attributes, self._order = _OPERATORS[model.layers.cell.name]
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}

    def make(self) -> onnx.ModelProto:
        model, layers = self._model, self._model.layers
        is_language = isinstance(model, LanguageModel)
        every = self._over_time and model.at == "every"
        x = self._embedded() if is_language else "x"
        if not self._over_time:
            x = self._node("Unsqueeze", [x, self._axis(0)])
        y = self._squeeze(self._recurrent(x), 1 if every else 0)
        result = "logits" if is_language else "outputs"
        self._read_out(y, result)

        steps = ["T"] if self._over_time else []
        read = (
            helper.make_tensor_value_info("ids", TensorProto.INT64, [*steps, "batch"])
            if is_language
            else helper.make_tensor_value_info("x", TensorProto.FLOAT, [*steps, "batch", layers.input_size])
        )
        shape = [*steps, "batch", model.output_size] if every else ["batch", model.output_size]
        sizes = [layers.num_layers, "batch", layers.hidden_size]
        states = layers.cell.states
        graph = helper.make_graph(
            self._nodes,
            "sequence" if self._over_time else "step",
            [read, *(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in states)],
            [
                helper.make_tensor_value_info(result, TensorProto.FLOAT, shape),
                *(helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, sizes) for name in states),
            ],
            [*self._weights.values()],
        )
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
            producer_version=throughtime.__version__,
        )
        facts = {"throughtime": throughtime.__version__, **model.settings}
        helper.set_model_props(made, {name: str(value) for name, value in facts.items()})
        return made

    def _embedded(self) -> str:
        """What the first layer reads of `ids`, without the matrix W_ih where that is one row a token."""
        model = self._model
        assert isinstance(model, LanguageModel)
        if model.embedding_size is not None:
            return self._node("Gather", [self._weight("embedding.weight"), "ids"])
        if self._reads_columns:
            columns = self._gates(model.params["rnn.weight_ih_l0"]).T
            return self._node("Gather", [self._constant("columns", columns), "ids"])
        depth = self._constant("vocab_size", np.array(model.vocab_size))
        return self._node(
            "OneHot", ["ids", depth, self._constant("off and on", np.array([0, 1], np.float32))]
        )

    @property
    def _reads_columns(self) -> bool:
        """Whether a token's column of W_ih is given to the first layer ready-made, its W_ih being the identity.

        The operators insist on a product. Of one-hot vectors it costs V * G*H a step, of columns (G*H)^2, whose sum of one
        number and zeros is exact: the smaller one is taken.
        """
        # One step of an LSTM by onnxruntime, in us: V 65, H 128: 24 with one-hot vectors, 42 with columns; V 8000, H 100: 930
        # and 280. Its equations in plain operators, which need neither product, take 24 and 190, but over a sequence a loop.
        model = self._model
        width = len(self._order) * model.layers.hidden_size
        return isinstance(model, LanguageModel) and model.embedding_size is None and model.vocab_size > width

    def _recurrent(self, x: str) -> str:
        """The layers: y (T, 1, batch, H) where each step is read out, else that of the last one, (1, batch, H)."""
        layers = self._model.layers
        states = layers.cell.states
        entering = [self._by_layer(name) for name in states]
        leaving = [self._by_layer(f"{name}_out") for name in states]
        if layers.num_layers > 1:
            for name, parts in zip(states, entering, strict=True):
                self._nodes.append(helper.make_node("Split", [name], parts, axis=0))
        for k in range(layers.num_layers):
            top = k + 1 == layers.num_layers
            wants_y = self._over_time and not (top and self._model.at == "last")
            initial, final = ([state[k] for state in each] for each in (entering, leaving))
            self._nodes.append(
                helper.make_node(
                    self._operator,
                    [x, *self._layer(k), "", *initial],
                    [f"y_{k}" if wants_y else "", *final],
                    name=f"layer {k}",
                    hidden_size=layers.hidden_size,
                    **self._attributes,
                )
            )
            # Of one step the last h, (1, batch, H), is the next layer's sequence as it stands.
            y = f"y_{k}" if wants_y else final[0]
            x = y if top or not wants_y else self._squeeze(y, 1)
        if layers.num_layers > 1:
            for name, parts in zip(states, leaving, strict=True):
                self._nodes.append(helper.make_node("Concat", parts, [f"{name}_out"], axis=0))
        return x

    def _by_layer(self, state: str) -> list[str]:
        """What a state's part of each layer is called, (1, batch, H); of a single layer as the whole."""
        layers = self._model.layers.num_layers
        return [state] if layers == 1 else [f"{state}_{k}" for k in range(layers)]

    def _layer(self, k: int) -> list[str]:
        """W (1, G*H, I), R (1, G*H, H) and, with biases, B (1, 2*G*H) of a layer."""
        params = self._model.params
        if k == 0 and self._reads_columns:
            W = np.eye(len(params["rnn.weight_hh_l0"]))
        else:
            W = self._gates(params[f"rnn.weight_ih_l{k}"])
        names = [
            self._constant(f"W_{k}", W[None]),
            self._constant(f"R_{k}", self._gates(params[f"rnn.weight_hh_l{k}"])[None]),
        ]
        if not self._model.bias:
            return [*names, ""]
        biases = [self._gates(params[f"rnn.bias_{half}_l{k}"]) for half in ("ih", "hh")]
        return [*names, self._constant(f"B_{k}", np.concatenate(biases)[None])]

    def _gates(self, weight: Array) -> Array:
        """Rows in the order of ONNX's gates."""
        blocks = weight.reshape(len(self._order), -1, *weight.shape[1:])
        return blocks[list(self._order)].reshape(weight.shape)

    def _read_out(self, y: str, result: str) -> None:
        """outputs = y W^T + b."""
        model = self._model
        if isinstance(model, LanguageModel) and model.tied:
            weight = self._node("Transpose", [self._weight("embedding.weight")], perm=[1, 0])
        else:
            weight = self._constant("readout", model.params["readout.weight"].T)
        if not model.bias:
            self._nodes.append(helper.make_node("MatMul", [y, weight], [result]))
            return
        product = self._node("MatMul", [y, weight])
        self._nodes.append(helper.make_node("Add", [product, self._weight("readout.bias")], [result]))

    def _squeeze(self, x: str, axis: int) -> str:
        return self._node("Squeeze", [x, self._axis(axis)])

    def _axis(self, axis: int) -> str:
        return self._constant(f"axis {axis}", np.array([axis]))

    def _node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node of one output, whose name is returned."""
        name = f"{operator.lower()} {len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def _weight(self, name: str) -> str:
        """A parameter as it is, under its own name."""
        return self._constant(name, self._model.params[name])

    def _constant(self, name: str, array: Array) -> str:
        """A tensor: of numbers in float32, as onnxruntime's recurrent operators know no other."""
        dtype = np.float32 if array.dtype.kind == "f" else np.int64
        self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(array, dtype), name)
        return name
