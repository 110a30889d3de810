"""A PyTorch language model's weights under this package's names, known by their own names and shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.exchange.ends import Ends, find_ends
from throughtime.exchange.recurrent import BIASES, WEIGHTS, RecurrentLayers, find_recurrent
from throughtime.machine.arrays import Array

NONLINEARITIES = "tanh", "relu"


@dataclass(frozen=True)
class Recognised:
    """A language model in the making.

    Attributes
    ----------
    settings : dict
        Arguments of LanguageModel.
    params : dict of str to ndarray
        By this package's names.
    names : dict of str to str
        What each is called in the file; one that it lacks is left out.
    notes : list of str
        What a user should know, a line each.
    """

    settings: dict[str, Any]
    params: dict[str, Array]
    names: dict[str, str]
    notes: list[str]


def recognise(
    tensors: Mapping[str, Array],
    nonlinearity: str | None = None,
    embedding: str | None = None,
    readout: str | None = None,
) -> Recognised:
    """Find embedding, recurrent layers and readout.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        A state_dict.
    nonlinearity : "tanh", "relu" or None
        Of a plain RNN, whose weights do not tell it.
    embedding, readout : str, optional
        Names of their weights, or of their modules, where they cannot be told apart.

    Raises
    ------
    WeightsError
        Something is missing, ambiguous, too much, or of a kind that this package has not.
    ArgumentError
        `nonlinearity` is missing for an RNN, or there for another cell.
    """
    layers = find_recurrent(tensors)
    used = {name for layer in layers.names for name in layer.values()}
    rest = {name: array for name, array in tensors.items() if name not in used}
    ends = find_ends(rest, layers.input_size, layers.hidden_size, embedding, readout)
    weight = tensors[ends.readout]
    tied = _is_tied(tensors, layers, ends)
    names = _names(layers, ends, tied)
    params = {ours: tensors[theirs] for ours, theirs in names.items()}
    missing = _missing_biases(params, layers, len(weight))
    settings = {
        "vocab_size": len(weight),
        "hidden_size": layers.hidden_size,
        "cell": layers.cell,
        "num_layers": len(layers.names),
        "embedding_size": None if ends.embedding is None else layers.input_size,
        "tied": tied,
        "bias": any("bias" in name for name in params),
        "nonlinearity": _nonlinearity(layers.cell, nonlinearity),
        "dtype": weight.dtype.name,
    }
    notes = [*layers.notes]
    if tied and ends.embedding != ends.readout:
        notes.append(f"{ends.embedding} and {ends.readout} are the same numbers: one table serves both.")
    if missing:
        notes.append(f"the file has no {', '.join(missing)}: zeros take their place.")
    return Recognised(settings, params | missing, names, notes)


def _nonlinearity(cell: str, given: str | None) -> str:
    if cell != "rnn":
        if given is not None:
            raise ArgumentError(
                f"nonlinearity {given!r} found with the weights of a {cell}; expected it for a plain RNN alone. Leave it out."
            )
        return "tanh"
    if given not in NONLINEARITIES:
        found = "no nonlinearity" if given is None else f"nonlinearity {given!r}"
        raise ArgumentError(
            f"{found} found for the weights of a plain RNN, which do not tell it; expected tanh or relu. Give the one that "
            "nn.RNN had, tanh if none was chosen: --nonlinearity tanh."
        )
    return given


def _is_tied(tensors: Mapping[str, Array], layers: RecurrentLayers, ends: Ends) -> bool:
    """Whether one table is embedding and readout: the file has one, or two of the same bits."""
    if ends.embedding is None or layers.input_size != layers.hidden_size:
        return False
    return tensors[ends.embedding].tobytes() == tensors[ends.readout].tobytes()


def _names(layers: RecurrentLayers, ends: Ends, tied: bool) -> dict[str, str]:
    """The file's names by ours."""
    names = {} if ends.embedding is None else {"embedding.weight": ends.embedding}
    for k, layer in enumerate(layers.names):
        names |= {f"rnn.{what}_l{k}": layer[what] for what in (*WEIGHTS, *BIASES) if what in layer}
    if not tied:
        names["readout.weight"] = ends.readout
    if ends.bias is not None:
        names["readout.bias"] = ends.bias
    return names


def _missing_biases(params: Mapping[str, Array], layers: RecurrentLayers, V: int) -> dict[str, Array]:
    """Zeros for each bias that is not there, if there is any: here a model has all of them or none."""
    rows, _ = params["rnn.weight_hh_l0"].shape
    sizes = {f"rnn.bias_{half}_l{k}": rows for k in range(len(layers.names)) for half in ("ih", "hh")}
    sizes["readout.bias"] = V
    if not sizes.keys() & params.keys():
        return {}
    dtype = params["rnn.weight_hh_l0"].dtype
    return {name: np.zeros(size, dtype) for name, size in sizes.items() if name not in params}
