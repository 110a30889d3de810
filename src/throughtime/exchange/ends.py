"""The embedding and the readout in a PyTorch state_dict: what is left beside its recurrent layers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from throughtime.errors import WeightsError
from throughtime.machine.arrays import Array

# Asked where shapes do not tell the two apart.
_EMBEDDING = re.compile(r"emb|encoder|lookup|wte", re.IGNORECASE)
_READOUT = re.compile(r"decoder|out|logit|head|linear|fc|proj|classifier|dense", re.IGNORECASE)


@dataclass(frozen=True)
class Ends:
    """Names of weights.

    Attributes
    ----------
    embedding : str or None
        Of the table (V, I); None where tokens are read as one-hot vectors.
    readout : str
        Of the weight (V, H); the embedding's, where the file has one table for both.
    bias : str or None
        Of the readout's bias (V,).
    """

    embedding: str | None
    readout: str
    bias: str | None


def find_ends(
    tensors: Mapping[str, Array],
    input_size: int,
    hidden_size: int,
    embedding: str | None = None,
    readout: str | None = None,
) -> Ends:
    """Find which tensor is which.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        All but the recurrent layers.
    input_size, hidden_size : int
        I and H of the recurrent layers.
    embedding, readout : str, optional
        What they are, by name: of the weight, or of the module.

    Raises
    ------
    WeightsError
        One is missing, it cannot be told which is which, or there is something else.
    """
    matrices = {name: array for name, array in tensors.items() if array.ndim == 2}
    table, weight = _named("embedding", embedding, matrices), _named("readout", readout, matrices)
    pairs = [
        pair
        for pair in _possible(matrices, input_size, hidden_size)
        if table in (None, pair[0]) and weight in (None, pair[1])
    ]
    if weight is not None and table is None:  # what is called the readout, and no more, is no embedding
        pairs = [pair for pair in pairs if pair[0] != weight] or pairs
    if not pairs:
        raise WeightsError(
            f"{_listed(matrices)} found beside the recurrent layers; expected an embedding (V, {input_size}) and a readout "
            f"(V, {hidden_size}), or for one-hot input a readout ({input_size}, {hidden_size}) alone. Import a language model of "
            "just these parts."
        )
    best = max(_likeliness(tensors, *pair) for pair in pairs)
    pairs = [pair for pair in pairs if _likeliness(tensors, *pair) == best]
    if len(pairs) > 1:
        raise _ambiguous(matrices)
    table, weight = pairs[0]
    bias = _bias(tensors, weight, len(matrices[weight]))
    other = next((name for name in tensors if name not in (table, weight, bias)), None)
    if other is not None:
        raise WeightsError(
            f"{other} of shape {tensors[other].shape} found; expected an embedding, recurrent layers and a readout, and nothing "
            "else. Import a model of just these parts, or take out of the file what it can do without."
        )
    return Ends(table, weight, bias)


def _named(role: str, name: str | None, matrices: Mapping[str, Array]) -> str | None:
    """The matrix that is meant by a name."""
    if name is None:
        return None
    for each in (name, f"{name}.weight"):
        if each in matrices:
            return each
    raise WeightsError(
        f"{role} {name!r} found, which is no matrix of the file; expected one of {_listed(matrices)}. Name one of these."
    )


def _possible(matrices: Mapping[str, Array], I: int, H: int) -> list[tuple[str | None, str]]:
    """Which may be embedding and readout, by their shapes, so that none is left over."""
    return [
        (table, weight)
        for table in (None, *matrices)
        for weight in matrices
        if {table, weight} - {None} == {*matrices}
        and matrices[weight].shape[1] == H
        and (len(matrices[weight]), I) == ((I, I) if table is None else matrices[table].shape)
    ]


def _likeliness(tensors: Mapping[str, Array], table: str | None, weight: str) -> tuple[bool, int]:
    """How much names speak for a pair: that of a bias first."""
    readout = [bool(_READOUT.search(weight)), not _EMBEDDING.search(weight)]
    embedding = readout if table is None else [bool(_EMBEDDING.search(table)), not _READOUT.search(table)]
    if table == weight:  # one table for both may go by either name
        embedding = max(embedding, readout, key=sum)
    return _bias_of(weight) in tensors, sum(readout + embedding)


def _bias(tensors: Mapping[str, Array], weight: str, V: int) -> str | None:
    """The readout's bias: beside its weight, or the only vector there is."""
    if _bias_of(weight) in tensors:
        return _bias_of(weight)
    vectors = [name for name, array in tensors.items() if array.shape == (V,)]
    return vectors[0] if len(vectors) == 1 else None


def _bias_of(weight: str) -> str:
    return f"{weight.removesuffix('weight')}bias"


def _ambiguous(matrices: Mapping[str, Array]) -> WeightsError:
    if len(matrices) == 1:
        return WeightsError(
            f"{_listed(matrices)} found, which may be the readout of one-hot input, or embedding and readout in one; expected a "
            "name that tells. Say which it is: --readout NAME, or --embedding NAME for both in one; from Python readout=NAME or "
            "embedding=NAME."
        )
    return WeightsError(
        f"{_listed(matrices)} found, which may each be embedding or readout; expected names that tell. Say which it is: "
        "--embedding NAME or --readout NAME, from Python embedding=NAME or readout=NAME."
    )


def _listed(matrices: Mapping[str, Array]) -> str:
    shown = [f"{name} {array.shape}" for name, array in matrices.items()]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "") or "nothing"
