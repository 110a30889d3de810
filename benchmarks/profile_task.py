"""What is measured: phi_l = mean over all steps t and sequences b of ||dE_t/dh_{t-l}||, for every lag there is.

E_t depends on h_t through a given gradient, so that the time of a loss, the same for all, is left out.
"""

import numpy as np
import numpy.typing as npt

import throughtime as tt

T, BATCH, INPUTS, HIDDEN = 100, 16, 32, 128
SEED = 0
CELLS = {"rnn": tt.RNN, "lstm": tt.LSTM, "gru": tt.GRU}


def data() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """x (T, B, I), and dE_t/dh_t (T, B, H), the same for every peer."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((T, BATCH, INPUTS), np.float32)
    return x, rng.standard_normal((T, BATCH, HIDDEN), np.float32)


def make_layer(cell: str) -> tt.Recurrent:
    """The layer that is measured, the same weights for every peer."""
    return CELLS[cell](INPUTS, HIDDEN, bias=False, seed=SEED)
