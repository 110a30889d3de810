"""Stochastic gradient descent, the article's: p -= lr g."""

from typing import Any

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.optimizer import Optimizer


@compiled
def _sgd(p: Array, g: Array, lr: float) -> None:
    for i in range(p.size):
        p[i] -= lr * g[i]


class SGD(Optimizer):
    """Stochastic gradient descent: p -= lr g.

    Parameters
    ----------
    lr : float
        Learning rate; the article's 0.005 is meant for a gradient summed over one sentence.

    References
    ----------
    H. Robbins and S. Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 2.0])}
    >>> SGD(lr=0.5).step(params, {"weight": np.array([1.0, -1.0])})
    >>> params["weight"]
    array([0.5, 2.5])
    """

    name = "sgd"
    kernel = staticmethod(_sgd)

    def __init__(self, lr: float = 0.005) -> None:
        super().__init__(lr)

    @property
    def structured(self) -> bool:
        """See `Optimizer.structured`; a subclass may have equations of its own."""
        return type(self).kernel is SGD.kernel

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {"lr": self.lr}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        return (self.lr,)
