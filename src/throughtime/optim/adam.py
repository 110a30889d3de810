"""Adam: momentum and RMSprop together, both corrected for having started at zero."""

import math
from collections.abc import Callable
from typing import Any

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.optimizer import Optimizer
from throughtime.optim.settings import fraction, positive


@compiled
def adam_step(
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
) -> None:
    """Update one parameter and its running means m and s; all rows are of one size and dtype."""
    for i in range(p.size):
        m[i] += new1 * (g[i] - m[i])
        s[i] = beta2 * s[i] + new2 * g[i] * g[i]
        p[i] -= rate * m[i] / (math.sqrt(s[i]) * shrink + eps)


class Adam(Optimizer):
    """Adam: p -= lr m^ / (sqrt(s^) + eps), with corrected running means m of g and s of g^2.

    m = beta1 m + (1 - beta1) g, s = beta2 s + (1 - beta2) g^2, and after n steps
    m^ = m / (1 - beta1^n), s^ = s / (1 - beta2^n).

    Parameters
    ----------
    lr : float
        Learning rate: an upper limit, nearly, to a step of one parameter.
    betas : pair of float
        Shares of the two running means that are kept at each step, in [0, 1).
    eps : float
        Keeps a parameter without gradients where it is; above 0.

    References
    ----------
    D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> optimizer = Adam(lr=0.01)
    >>> optimizer.step(params, {"weight": np.array([1000.0, -0.001])})
    >>> params["weight"].round(6)
    array([0.99, 1.01])
    >>> sorted(optimizer.state)
    ['mean.weight', 'square.weight', 'step']
    """

    name = "adam"
    kernel: Callable[..., None] = staticmethod(adam_step)
    slots = ("mean", "square")
    counts_steps = True

    def __init__(
        self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ArgumentError(f"betas is {betas!r}; expected two numbers. Pass a pair like (0.9, 0.999).")
        self.betas = fraction("betas[0]", betas[0], 0.9), fraction("betas[1]", betas[1], 0.999)
        self.eps = positive("eps", eps, 1e-8)

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {"lr": self.lr, "betas": list(self.betas), "eps": self.eps}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        n = int(self.state["step"][0])
        beta1, beta2 = self.betas
        # Both corrections become one factor each, in float64: 1 - 0.999 has only four digits in float32.
        rate = self.lr / (1 - beta1**n)
        shrink = 1 / math.sqrt(1 - beta2**n)
        return rate, 1 - beta1, beta2, 1 - beta2, shrink, self.eps
