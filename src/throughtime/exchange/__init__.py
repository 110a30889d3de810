"""Weights for PyTorch and from PyTorch, as safetensors; neither way needs PyTorch itself.

from throughtime.exchange import export_torch, import_torch

export_torch(run, "runs/mine/torch")
run = import_torch("theirs.safetensors", "vocabulary.json", out="runs/theirs").run
"""

from throughtime.exchange.from_torch import Imported, import_torch
from throughtime.exchange.package import Exported
from throughtime.exchange.to_torch import export_torch

__all__ = ["Exported", "Imported", "export_torch", "import_torch"]
