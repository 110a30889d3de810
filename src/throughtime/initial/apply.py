"""Items of an initialisation carried out on a network's parameters."""

from collections.abc import Mapping, Sequence

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.initial.grammar import Item
from throughtime.initial.starts import CONNECTIONS, chrono, identity, orthogonal, smart_tanh, xavier
from throughtime.machine.arrays import Array

_NAMES = {
    "weight_ih": "rnn.weight_ih_l",
    "weight_hh": "rnn.weight_hh_l",
    "readout": "readout.weight",
    "embedding": "embedding.weight",
}
_ABSENT = {
    "readout": "in a tied model; expected a readout with weights of its own. Use embedding=, the table that serves both.",
    "embedding": "in a model without one; expected it where tokens are read through an embedding. Set embedding_size, or leave it out.",
}


def begin(
    params: Mapping[str, Array], items: Sequence[Item], gates: Sequence[str], rng: np.random.Generator
) -> None:
    """Start anew, in place and in order, the weights that `items` name.

    Parameters
    ----------
    params : mapping of str to ndarray
        A network's: rnn.weight_ih_l0 (G*H, I), rnn.bias_ih_l0 (G*H,), readout.weight (O, H) and so on.
    items : sequence of Item
        Of `parse_initialisation`.
    gates : sequence of str
        The cell's, in the order of their blocks.
    rng : Generator

    Raises
    ------
    ArgumentError
        The network lacks a target, the cell a gate, or a start does not fit a weight's shape.

    Examples
    --------
    >>> from throughtime.initial import parse_initialisation
    >>> params = {"rnn.weight_hh_l0": np.zeros((4, 2))}
    >>> begin(params, parse_initialisation("weight_hh=identity").items, ("f", "n"), np.random.default_rng(0))
    >>> params["rnn.weight_hh_l0"].tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    for item in items:
        if item.target in _NAMES:
            _begin_weights(params, item, gates, rng)
        else:
            _begin_biases(params, item, gates, rng)


def _begin_weights(
    params: Mapping[str, Array], item: Item, gates: Sequence[str], rng: np.random.Generator
) -> None:
    found = {name: array for name, array in params.items() if name.startswith(_NAMES[item.target])}
    if not found:
        raise ArgumentError(f"init {item.text} found {_ABSENT[item.target]}")
    for name, array in found.items():
        blocks = len(gates) if name.startswith("rnn.") else 1
        rows = len(array) // blocks
        for start in range(0, len(array), rows):
            block = array[start : start + rows]
            block[...] = _weights(item, name, block.shape, rng)


def _weights(item: Item, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array | float:
    """One gate's block, or a matrix without gates."""
    rows, columns = shape
    number = 1.0 if item.number is None else item.number
    match item.start:
        case "xavier":
            return xavier(rng, (rows, columns))
        case "orthogonal":
            return orthogonal(rng, (rows, columns), number)
        case "identity":
            if rows != columns:
                raise ArgumentError(
                    f"init {item.text} found for {name}, whose block is {rows} by {columns}; expected a square one. "
                    f"Use {item.target}=orthogonal."
                )
            return identity((rows, columns), number)
        case "smart-tanh":
            if rows < CONNECTIONS:
                raise ArgumentError(
                    f"init {item.text} found with hidden_size={rows}; expected at least {CONNECTIONS}, the connections of "
                    f"a unit. Use {item.target}=orthogonal, or more units."
                )
            return smart_tanh(rng, rows)
        case "uniform":
            bound = columns**-0.5 if item.number is None else item.number
            return rng.uniform(-bound, bound, shape)
        case "normal":
            return number * rng.standard_normal(shape)
    return 0.0  # zero


def _begin_biases(
    params: Mapping[str, Array], item: Item, gates: Sequence[str], rng: np.random.Generator
) -> None:
    chosen = _chosen(item, gates)
    layers = [name for name in params if name.startswith("rnn.bias_ih_l")]
    if not layers:
        raise ArgumentError(
            f"init {item.text} found with bias=False; expected a model with biases. Set bias=True, or leave it out."
        )
    for name in layers:
        b_ih = params[name].reshape(len(gates), -1)
        b_hh = params[name.replace("bias_ih", "bias_hh")].reshape(len(gates), -1)
        H = b_ih.shape[1]
        if item.start == "chrono":
            assert item.number is not None
            b_f = chrono(rng, H, item.number)
            values: dict[str, Array | float] = {"f": b_f, "i": -b_f}
        else:
            values = {gate: _biases(item, H, rng) for gate in chosen}
        for gate, value in values.items():
            b_ih[gates.index(gate)] = value
            b_hh[gates.index(gate)] = 0
    if item.target == "bias" and item.start != "chrono" and "readout.bias" in params:
        readout = params["readout.bias"]
        readout[...] = _biases(item, len(readout), rng)


def _chosen(item: Item, gates: Sequence[str]) -> Sequence[str]:
    """The gates whose biases an item starts."""
    if item.start == "chrono" and not {"f", "i"} <= set(gates):
        raise ArgumentError(
            f"init {item.text} found with a cell of gates {', '.join(gates)}; expected one with gates f and i, to forget "
            "and to let in. Use the LSTM, or bias=0."
        )
    if item.target == "bias":
        return gates
    gate = item.target.removeprefix("bias_")
    if gate not in gates:
        raise ArgumentError(
            f"init target {item.target} found; expected one of bias, {', '.join(f'bias_{gate}' for gate in gates)} for "
            "this cell. Choose one of these."
        )
    return (gate,)


def _biases(item: Item, size: int, rng: np.random.Generator) -> Array | float:
    number = 0.0 if item.number is None else item.number
    match item.start:
        case "uniform":
            return rng.uniform(-number, number, size)
        case "normal":
            return number * rng.standard_normal(size)
    return number  # a number, or zero
