"""A recurrent model of arrays: regression, classification or detection, at every step or at the last."""

from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.initial import generator
from throughtime.networks.network import Network


class SequenceModel(Network):
    """Recurrent layers over vectors, with a readout and a loss.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        Inputs are (T, B, input_size); outputs (T, B, output_size), or (B, output_size) where `at` is "last".
    cell : "rnn", "lstm", "gru" or a Cell
    nonlinearity : "tanh", "relu" or "sigmoid"
        Of the plain RNN.
    num_layers, bias, dropout, dtype, seed
        As `throughtime.Recurrent` has them.
    loss : "squared", "softmax" or "logistic"
        Squared error and its mean are over all elements of the targets, as torch.nn.MSELoss has them. Softmax's targets
        are class ids, logistic's numbers from 0 to 1; -100 is ignored in both.
    at : "every" or "last"
        Whether each step has a target or each sequence has one, at its last step.
    init : str
        "default", uniform on +-1/sqrt(hidden_size) as in PyTorch, or "article", on +-1/sqrt(incoming connections) as
        there; then what starts otherwise: "weight_hh=orthogonal,bias_f=1", "article,weight_hh=identity:0.5".
        `throughtime.initial.grammar` has all names.

    Raises
    ------
    ArgumentError, DtypeError, CellError
        A setting out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = SequenceModel(1, 8, 1, cell="gru", at="last", seed=0)
    >>> x = np.linspace(0, 1, 20, dtype=np.float32).reshape(10, 2, 1)
    >>> r = tt.bptt(model, x, x.sum(axis=0))
    >>> r.grads["readout.weight"].shape
    (1, 8)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        cell: str | Cell = "gru",
        num_layers: int = 1,
        loss: str = "squared",
        at: str = "every",
        nonlinearity: str = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        init: str = "default",
        dtype: Any = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        rng = generator(seed)
        super().__init__(
            input_size=input_size,
            hidden_size=hidden_size,
            output_size=output_size,
            cell=cell,
            nonlinearity=nonlinearity,
            num_layers=num_layers,
            bias=bias,
            dropout=dropout,
            loss=loss,
            at=at,
            init=init,
            dtype=dtype,
            rng=rng,
        )
        self._complete(rng, input_size=self.layers.input_size, output_size=self.output_size, loss=loss, at=at)
