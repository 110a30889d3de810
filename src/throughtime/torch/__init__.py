"""At home in PyTorch: its recurrent layers computed by throughtime, and the gradient's flow in a PyTorch model.

import throughtime.torch as tt_torch
"""

from throughtime.extras import require

require("torch", "torch")

from throughtime.torch.accelerate import Accelerated, accelerate, restore  # noqa: E402
from throughtime.torch.diagnose import diagnose  # noqa: E402
from throughtime.torch.layers.modules import GRU, LSTM, RNN  # noqa: E402

__all__ = ["GRU", "LSTM", "RNN", "Accelerated", "accelerate", "diagnose", "restore"]
