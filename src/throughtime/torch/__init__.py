"""At home in PyTorch: its recurrent layers computed by throughtime, and the gradient's flow in a PyTorch model.

import throughtime.torch as tt_torch
"""

from throughtime.extras import require

require("torch", "torch")

from throughtime.torch.diagnose import diagnose  # noqa: E402

__all__ = ["diagnose"]
