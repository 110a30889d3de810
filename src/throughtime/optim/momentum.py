"""Gradient descent with momentum: the velocity is a decaying sum of past gradients."""

from typing import Any

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.optimizer import Optimizer
from throughtime.optim.settings import fraction


@compiled
def _momentum(p: Array, g: Array, v: Array, lr: float, momentum: float) -> None:
    for i in range(p.size):
        v[i] = momentum * v[i] + g[i]
        p[i] -= lr * v[i]


class Momentum(Optimizer):
    """Gradient descent with momentum: v = momentum v + g; p -= lr v.

    A gradient that keeps its direction is in the end followed 1 / (1 - momentum) times as far as by SGD.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        Share of the velocity that is kept at each step, in [0, 1).

    References
    ----------
    B. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics and
    Mathematical Physics 4(5), 1964; in the form of I. Sutskever et al., "On the importance of initialization and
    momentum in deep learning", ICML 2013, with the learning rate outside the velocity.

    Examples
    --------
    >>> import numpy as np
    >>> params, grads = {"weight": np.array([1.0])}, {"weight": np.array([1.0])}
    >>> optimizer = Momentum(lr=0.5, momentum=0.5)
    >>> optimizer.step(params, grads)
    >>> optimizer.step(params, grads)
    >>> params["weight"], optimizer.state["velocity.weight"]
    (array([-0.25]), array([1.5]))
    """

    name = "momentum"
    kernel = staticmethod(_momentum)
    slots = ("velocity",)

    def __init__(self, lr: float = 0.005, momentum: float = 0.9) -> None:
        super().__init__(lr)
        self.momentum = fraction("momentum", momentum, 0.9)

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {"lr": self.lr, "momentum": self.momentum}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        return self.lr, self.momentum
