"""A language model laid out for writing: one sequence, token by token, all of a block in compiled code."""

import math
from collections.abc import Mapping

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.products import multiply_row
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.units import join_units
from throughtime.networks.validation import check_ids, check_params, require_count
from throughtime.sweeps.draw import NONE
from throughtime.sweeps.generate import generate
from throughtime.sweeps.slots import for_cell

# A block takes some ten milliseconds, so that text appears and Ctrl-C works as if each token came alone.
_BLOCK_PRODUCTS, _LONGEST_BLOCK = 2**25, 256
_LARGEST_PROJECTED = 2**24  # numbers: 64 MB of float32


class Writer:
    """Continues a sequence of tokens, as `LanguageModel.step` and a draw for each token would.

    The weights are laid out anew for products with a single row: after they have changed, make another.

    Parameters
    ----------
    model : LanguageModel
    length : int
        About how many tokens will be read or written: whether a table of embeddings is worth multiplying whole.
    rng : numpy.random.Generator
        One uniform number for each token drawn, in order, whatever the blocks; it is left ahead of the last one by those
        of a block that a stop has cut short.
    temperature : float
        Divides the logits: below 1 the text is safer, above 1 wilder; 0 takes the likeliest token always.
    top_k : int, optional
        Draw from the k likeliest tokens.
    top_p : float, optional
        Draw from the likeliest tokens that together have at least this probability, 0 < top_p <= 1
        (Holtzman et al. 2020, nucleus sampling).

    Raises
    ------
    ArgumentError
        A setting is out of range.

    Attributes
    ----------
    block : int
        How many tokens to ask for at a time.
    states : (STATES, num_layers, H)
        After the tokens that have been read: all but the last one written.

    Examples
    --------
    >>> import numpy as np
    >>> model = LanguageModel(vocab_size=5, hidden_size=4, seed=0)
    >>> writer = Writer(model, 3, np.random.default_rng(0), temperature=0)
    >>> writer.read([1])
    >>> len(writer.write(3, writer.allowed([0])))
    3
    """

    def __init__(
        self,
        model: LanguageModel,
        length: int,
        rng: np.random.Generator,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> None:
        _require_choice(temperature, top_k, top_p)
        check_params(model.params, model.shapes, model.dtype)
        params, layers, dtype = model.params, model.layers, model.dtype
        cell, L, H, V = layers.cell, layers.num_layers, layers.hidden_size, model.vocab_size
        G, S = len(cell.gates), len(cell.states)
        rnn = {name.removeprefix("rnn."): array for name, array in params.items() if name.startswith("rnn.")}
        with computing():
            table, first = _first_layer(params, G, length)
        above = [_by_gate(rnn[f"weight_ih_l{k}"], G) for k in range(1, L)]
        readout = params["embedding.weight" if model.tied else "readout.weight"]
        self._bias = params.get("readout.bias", np.zeros(V, dtype))
        self._choice = float(temperature), min(top_k or V, V), float(top_p or 1)
        self._weights = (
            table,
            first,
            np.array(above, dtype).reshape(L - 1, G, H, H),
            np.array([_by_gate(rnn[f"weight_hh_l{k}"], G) for k in range(L)]),
            np.array([join_units(cell, rnn, k) for k in range(L)]),
            np.ascontiguousarray(readout.T),
        )
        self.states = np.zeros((S, L, H), dtype)
        self._scratch = (
            np.empty((G, H), dtype),
            np.empty((G, H), dtype),
            np.empty((S, H), dtype),
            np.empty(V, dtype),
            np.empty(V),
            np.empty(V, np.intp),
        )
        self._sweep = for_cell(generate, cell)
        self._rng, self._luck = rng, np.empty(0)
        self._unread = np.empty(0, np.intp)
        self._vocab_size = V
        products = sum(weight.size for weight in self._weights[1:])
        self.block = int(np.clip(_BLOCK_PRODUCTS // products, 1, _LONGEST_BLOCK))

    def allowed(self, forbidden: list[int]) -> Array:
        """What `write` takes so that it draws none of these tokens."""
        bias = self._bias.copy()
        bias[forbidden] = -np.inf
        return bias

    def read(self, ids: Array | list[int]) -> None:
        """Let these tokens, at least one, come next."""
        read = check_ids("ids", np.asarray(ids, np.intp)[:, None], self._vocab_size).ravel()
        self._unread = np.concatenate([self._unread, read])

    def forget(self) -> None:
        """Begin another sequence."""
        self.states[...] = 0
        self._unread = self._unread[:0]

    def write(self, count: int, allowed: Array, stop: int = NONE) -> Array:
        """Draw tokens.

        Parameters
        ----------
        count : int
            How many, at least one.
        allowed : (V,)
            Of `allowed`.
        stop : int
            A token that ends the sequence.

        Returns
        -------
        tokens : (n,) of int
            `count`, or as many as there are up to and with `stop`, or `NONE` where logits are not finite.
        """
        if not len(self._unread):
            raise ArgumentError(
                "nothing to continue found; expected at least one token. Let the writer read the prompt first."
            )
        while len(self._unread) > self.block:
            self._run(self._unread[: self.block + 1], self._luck[:0], allowed, stop)
            self._unread = self._unread[self.block :]
        if len(self._luck) < count:
            self._luck = np.concatenate([self._luck, self._rng.random(count - len(self._luck))])
        drawn = self._run(self._unread, self._luck[:count], allowed, stop)
        self._luck = self._luck[len(drawn) :]
        self._unread = drawn[-1:] if drawn[-1] != NONE else drawn[:0]
        return drawn

    def _run(self, ids: Array, luck: Array, allowed: Array, stop: int) -> Array:
        """What is drawn after these tokens, which are read; the last token is not."""
        tokens = np.empty(len(ids) + len(luck), np.intp)
        tokens[: len(ids)] = ids
        with computing():
            n = self._sweep(
                tokens,
                len(ids),
                stop,
                luck,
                *self._choice,
                *self._weights,
                allowed,
                self.states,
                *self._scratch,
            )
        return tokens[len(ids) : n]


def _by_gate(weight: Array, G: int) -> Array:
    """weight (G*H, K) as (G, K, H)."""
    return np.ascontiguousarray(weight.reshape(G, -1, weight.shape[1]).transpose(0, 2, 1))


def _first_layer(params: Mapping[str, Array], G: int, length: int) -> tuple[Array, Array]:
    """What the first layer reads of each token, and the weights that multiply it: none where that is done."""
    weight = params["rnn.weight_ih_l0"]
    by_gate = _by_gate(weight, G)
    table = params.get("embedding.weight")
    if table is None:
        return np.ascontiguousarray(weight.T), by_gate[:0]
    if len(table) < length and len(table) * len(weight) <= _LARGEST_PROJECTED:
        projected = np.empty((len(table), *by_gate.shape[::2]), table.dtype)
        for token, x in enumerate(np.ascontiguousarray(table)):  # as a text's tokens would be: the same bits
            for gate, w in enumerate(by_gate):
                multiply_row(x, w, projected[token, gate])
        return projected.reshape(len(table), -1), by_gate[:0]
    return np.ascontiguousarray(table), by_gate


def _require_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not (0 <= temperature < math.inf):
        raise ArgumentError(
            f"temperature={temperature} found; expected a finite number of at least 0. "
            "Pass 1 for the model's own probabilities, 0 for the likeliest token."
        )
    if top_k is not None:
        require_count("top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ArgumentError(
            f"top_p={top_p} found; expected a probability above 0 and at most 1. Leave it out for all tokens."
        )
