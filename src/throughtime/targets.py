"""What batches and losses both know of targets."""

IGNORED = -100
"""The target of a position that has none, PyTorch's ignore_index: no loss, and a gradient of exactly zero."""
