"""Weights from PyTorch and for PyTorch, as safetensors: neither way needs PyTorch itself."""
