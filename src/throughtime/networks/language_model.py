"""The article's subject: a recurrent model of the next token."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError
from throughtime.initial import generator, normal
from throughtime.machine.arrays import Array
from throughtime.networks.inputs import Input, OneHot, table_rows
from throughtime.networks.network import Network
from throughtime.networks.readout import WEIGHT
from throughtime.networks.validation import check_ids, require_count
from throughtime.optim.structured import Gradient, add_gradients


class LanguageModel(Network):
    """Tokens in, the next token's logits out; softmax cross-entropy at every step.

    With ``cell="rnn", embedding_size=None, bias=False`` it is the article's model: rnn.weight_ih_l0 is its U,
    rnn.weight_hh_l0 its W, readout.weight its V.

    Parameters
    ----------
    vocab_size, hidden_size : int
    cell : "rnn", "lstm", "gru" or a Cell
    num_layers : int
    embedding_size : int or None
        None reads tokens as one-hot vectors, U[:, x]; a number learns a table (vocab_size, embedding_size).
    tied : bool
        Whether the readout's weight is the embedding's table (Press and Wolf 2017); their sizes must then agree.
    nonlinearity, bias, dropout, init, dtype, seed
        As `throughtime.SequenceModel` has them. An embedding starts from N(0, 1), as PyTorch's does; a tied one
        as the readout, for logits of N(0, 1) weights would start far from uniform.

    Raises
    ------
    ArgumentError, DtypeError, CellError
        A setting out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = LanguageModel(vocab_size=50, hidden_size=16, cell="rnn", bias=False, init="article", seed=0)
    >>> ids = np.arange(12).reshape(6, 2)
    >>> r = tt.bptt(model, ids, ids + 1)
    >>> round(r.loss, 1), round(float(np.log(50)), 1)
    (3.9, 3.9)
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        cell: str | Cell = "lstm",
        num_layers: int = 1,
        embedding_size: int | None = None,
        tied: bool = False,
        bias: bool = True,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        init: str = "default",
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        rng = generator(seed)
        self.vocab_size = require_count("vocab_size", vocab_size)
        self.embedding_size = (
            None if embedding_size is None else require_count("embedding_size", embedding_size)
        )
        if tied and embedding_size != hidden_size:
            raise ArgumentError(
                f"tied=True found with embedding_size={embedding_size}; expected hidden_size={hidden_size}, as one table "
                "serves both. Set them equal, or tied=False."
            )
        self.tied = tied
        super().__init__(
            input_size=embedding_size or vocab_size,
            hidden_size=hidden_size,
            output_size=vocab_size,
            cell=cell,
            nonlinearity=nonlinearity,
            num_layers=num_layers,
            bias=bias,
            dropout=dropout,
            loss="softmax",
            at="every",
            init=init,
            dtype=dtype,
            rng=rng,
        )
        if embedding_size is None:
            # Column by column, so that reading a token's column, U[:, x], touches one stretch of memory.
            self.params["rnn.weight_ih_l0"] = np.asfortranarray(self.params["rnn.weight_ih_l0"])
        elif tied:
            self.params = {"embedding.weight": self.params.pop("readout.weight"), **self.params}
        else:
            table = normal(rng, (vocab_size, embedding_size), 1.0, self.dtype)
            self.params = {"embedding.weight": table, **self.params}
        self._complete(rng, vocab_size=self.vocab_size, embedding_size=self.embedding_size, tied=bool(tied))

    def _source(self, inputs: Array, structured: bool = False) -> Input:
        ids = check_ids("inputs", inputs, self.vocab_size)
        if self.embedding_size is None:
            return OneHot(ids, structured)
        return table_rows(self.params["embedding.weight"], ids, structured)

    def _may_be_structured(self) -> bool:
        return not self.tied

    def _readout(self) -> Mapping[str, Array]:
        return (
            {**self.params, "readout.weight": self.params["embedding.weight"]} if self.tied else self.params
        )

    def _wants_dinput(self) -> bool:
        return self.embedding_size is not None

    def _differentiate_input(self, dinput: Gradient | None, grads: dict[str, Gradient]) -> None:
        if dinput is not None:
            grads["embedding.weight"] = dinput
        if self.tied:
            grads["embedding.weight"] = add_gradients(grads["embedding.weight"], grads.pop(WEIGHT))
