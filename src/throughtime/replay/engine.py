"""The article's gradient as the engine computes it: the same network, sentence and truncation."""

import numpy as np

from throughtime.article import RNN, Gradients
from throughtime.networks.gradients import bptt
from throughtime.networks.language_model import LanguageModel
from throughtime.truncation import Full, Window

# The article's names, and the engine's.
NAMES = {"U": "rnn.weight_ih_l0", "V": "readout.weight", "W": "rnn.weight_hh_l0"}


class Engine:
    """The engine's language model with the parameters of the article's network, copied once.

    Parameters
    ----------
    network : RNN
        The article's.
    """

    def __init__(self, network: RNN) -> None:
        self.model = LanguageModel(
            network.word_dim, network.hidden_dim, cell="rnn", embedding_size=None, bias=False, dtype="float64"
        )
        for name, parameter in network.parameters.items():
            self.model.params[NAMES[name]][...] = parameter

    def gradients(self, x: list[int], y: list[int], tau: int | None) -> Gradients:
        """The gradients of E = sum_t E_t over one sentence, truncated after the lags 0..tau, or whole."""
        inputs, targets = (np.array(words, np.int32)[:, None] for words in (x, y))  # (T, 1): a batch of one
        truncation = Full() if tau is None else Window(tau)
        grads = bptt(self.model, inputs, targets, truncation=truncation, reduction="sum").grads
        return Gradients(**{name: grads[theirs] for name, theirs in NAMES.items()})
