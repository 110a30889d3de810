"""The few lines of PyTorch that a model's weights are loaded into."""

from typing import Any

from throughtime.cells.named import is_named
from throughtime.errors import ArgumentError
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.network import Network

_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "rnn_tanh": ("RNN", {}),
    "rnn_relu": ("RNN", {"nonlinearity": "relu"}),
}
# By it a file is known as written here.
FIRST_LINE = '"""A network that throughtime has trained, in PyTorch alone.'
_SOURCE = '''\
{first_line}

    from model import load

    model = load()
    {outputs}, state = model({inputs})          # {shapes}
    {outputs}, state = model({inputs}, state)   # goes on from there
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn


class {name}(nn.Module):
    def __init__(self):
        super().__init__()
{layers}

    def forward(self, {inputs}, state=None):
        y, state = self.rnn({read}, state)
        return self.readout({seen}), state


def load(file=Path(__file__).with_name("model.safetensors")):
    """The trained model, for use; model.train() to train it further."""
    model = {name}().to(torch.{dtype})
    model.load_state_dict(load_file(file))
    return model.eval()
'''


def module_source(model: Network) -> str:
    """A Python module with a class for the model's weights, and `load()`.

    Raises
    ------
    ArgumentError
        PyTorch has no layer of the model's cell.
    """
    cell, settings = model.layers.cell, model.settings
    if cell.name not in _LAYERS or not is_named(cell):
        raise ArgumentError(
            f"a model of the cell {cell.name!r} found; expected rnn with tanh or relu, lstm or gru, as PyTorch has no layer of "
            "another. Train one of these; a network of sigmoid units can be exported as ONNX."
        )
    kind, options = _LAYERS[cell.name]
    I, H, O = model.layers.input_size, model.layers.hidden_size, model.output_size
    for option, usual in (("num_layers", 1), ("bias", True), ("dropout", 0.0)):
        # Dropout lies between layers: PyTorch warns of it where there is one.
        if settings[option] != usual and not (option == "dropout" and settings["num_layers"] == 1):
            options = {**options, option: settings[option]}
    bias = "" if model.bias else ", bias=False"
    layers = [f"self.rnn = nn.{_call(kind, I, H, **options)}", f"self.readout = nn.Linear({H}, {O}{bias})"]
    filled = {
        "first_line": FIRST_LINE,
        "name": type(model).__name__,
        "dtype": model.dtype.name,
        "inputs": "x",
        "outputs": "outputs",
        "shapes": f"x (T, batch, {I}), time first; outputs (T, batch, {O})",
        "read": "x",
        "seen": "y",
    }
    if isinstance(model, LanguageModel):
        filled |= {
            "inputs": "ids",
            "outputs": "logits",
            "shapes": f"ids (T, batch) of int64, time first; logits (T, batch, {O})",
            "read": f"nn.functional.one_hot(ids, {I}).to(self.readout.weight.dtype)",
        }
        if model.embedding_size is not None:
            layers.insert(0, f"self.embedding = nn.Embedding({O}, {I})")
            filled["read"] = "self.embedding(ids)"
        if model.tied:
            layers.append("self.readout.weight = self.embedding.weight")
    elif model.at == "last":
        filled |= {"shapes": f"x (T, batch, {I}), time first; outputs (batch, {O})", "seen": "y[-1]"}
    filled["layers"] = "\n".join(f"        {line}" for line in layers)
    return _SOURCE.format(**filled)


def _call(name: str, *arguments: Any, **options: Any) -> str:
    """A call as it is written."""
    given = [*map(repr, arguments), *(f"{option}={value!r}" for option, value in options.items())]
    return f"{name}({', '.join(given)})"
