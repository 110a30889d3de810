"""RMSprop: each step is divided by the running root mean square of its gradient."""

import math
from typing import Any

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.optimizer import Optimizer
from throughtime.optim.settings import fraction, positive


@compiled
def _rmsprop(p: Array, g: Array, s: Array, lr: float, alpha: float, new: float, eps: float) -> None:
    for i in range(p.size):
        s[i] = alpha * s[i] + new * g[i] * g[i]
        p[i] -= lr * g[i] / (math.sqrt(s[i]) + eps)


class RMSprop(Optimizer):
    """RMSprop: s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps).

    Parameters
    ----------
    lr : float
        Learning rate: about the size of a step of one parameter.
    alpha : float
        Share of the mean square that is kept at each step, in [0, 1).
    eps : float
        Keeps a parameter without gradients where it is; above 0.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: rmsprop", Coursera, Neural Networks for Machine Learning, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> RMSprop(lr=0.01, alpha=0.75).step(params, {"weight": np.array([1000.0, -0.001])})
    >>> params["weight"].round(6)
    array([0.98, 1.02])
    """

    name = "rmsprop"
    kernel = staticmethod(_rmsprop)
    slots = ("square",)

    def __init__(self, lr: float = 2e-3, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(lr)
        self.alpha = fraction("alpha", alpha, 0.99)
        self.eps = positive("eps", eps, 1e-8)

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {"lr": self.lr, "alpha": self.alpha, "eps": self.eps}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        return self.lr, self.alpha, 1 - self.alpha, self.eps
