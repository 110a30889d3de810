"""Many gradients of the same results, taken back at once."""

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients(
    results: Sequence[Tensor], of: Sequence[Tensor], arriving: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Many gradients of the same results taken back at once: `arriving` and what is returned have an axis more, the first.

    None stands for zeros.
    """
    pairs = [(made, given) for made, given in zip(results, arriving, strict=True) if given is not None]
    if not pairs or not of:
        return [None] * len(of)
    made, given = map(list, zip(*pairs, strict=True))
    how = {"retain_graph": True, "allow_unused": True}
    try:
        return list(torch.autograd.grad(made, of, given, is_grads_batched=True, **how))
    except RuntimeError:
        if _can_be_batched(made, of, given, how):
            raise
        each = [torch.autograd.grad(made, of, list(row), **how) for row in zip(*given, strict=True)]
        return [
            None if any(g is None for g in column) else torch.stack(column)
            for column in zip(*each, strict=True)
        ]


def _can_be_batched(
    made: list[Tensor], of: Sequence[Tensor], given: list[Tensor], how: dict[str, bool]
) -> bool:
    """Whether a batch of one goes back: where not, some operation cannot be taken many at a time."""
    try:
        torch.autograd.grad(made, of, [each[:1] for each in given], is_grads_batched=True, **how)
    except RuntimeError:
        return False
    return True
