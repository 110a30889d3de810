"""AdamW: Adam with weight decay beside the gradient instead of in it."""

from typing import Any

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.adam import Adam, adam_step
from throughtime.optim.settings import at_least_zero


@compiled
def _adamw(
    p: Array,
    g: Array,
    m: Array,
    s: Array,
    rate: float,
    new1: float,
    beta2: float,
    new2: float,
    shrink: float,
    eps: float,
    keep: float,
) -> None:
    # In a loop of its own keep * p is rounded, as PyTorch rounds it; fused with Adam's subtraction it would not be, and
    # in float32 the two would drift apart.
    for i in range(p.size):
        p[i] *= keep
    adam_step(p, g, m, s, rate, new1, beta2, new2, shrink, eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: p *= 1 - lr weight_decay, then Adam's step.

    The decay enters neither m nor s, so a parameter with large gradients decays as fast as any other; and it acts on
    every parameter, biases included, as PyTorch's does by default.

    Parameters
    ----------
    lr : float
        Learning rate; the decay of a step is in proportion to it.
    betas : pair of float
        Shares of the two running means that are kept at each step, in [0, 1).
    eps : float
        Keeps a parameter without gradients from being divided by zero; above 0.
    weight_decay : float
        What a parameter loses at each step, as a share of itself, is lr * weight_decay; 0 gives Adam.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2; as in PyTorch, the
    decay is multiplied by the whole learning rate.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> AdamW(lr=0.01, weight_decay=0.5).step(params, {"weight": np.array([1000.0, 0.0])})
    >>> params["weight"].round(6)
    array([0.985, 0.995])
    """

    name = "adamw"
    kernel = staticmethod(_adamw)

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, betas, eps)
        self.weight_decay = at_least_zero("weight_decay", weight_decay, 0.01)

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {**super().settings(), "weight_decay": self.weight_decay}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        return *super().coefficients(), 1 - self.lr * self.weight_decay
