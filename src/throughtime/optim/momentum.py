"""Gradient descent with momentum: the velocity is a decaying sum of past gradients."""

from typing import Any

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.optimizer import Optimizer
from throughtime.optim.settings import fraction


@compiled
def _momentum(p: Array, g: Array, v: Array, lr: float, momentum: float) -> None:
    for i in range(p.size):
        v[i] = momentum * v[i] + g[i]
        p[i] -= lr * v[i]


@compiled
def _nesterov(p: Array, g: Array, v: Array, lr: float, momentum: float) -> None:
    for i in range(p.size):
        v[i] = momentum * v[i] + g[i]
        p[i] -= lr * (g[i] + momentum * v[i])


class Momentum(Optimizer):
    """Gradient descent with momentum: v = momentum v + g; p -= lr v.

    Nesterov's looks one step ahead along the new velocity: p -= lr (g + momentum v).
    A gradient that keeps its direction is in the end followed 1 / (1 - momentum) times as far as by SGD.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        Share of the velocity that is kept at each step, in [0, 1); above 0 for Nesterov's.
    nesterov : bool
        Whether the step is Nesterov's.

    Raises
    ------
    ArgumentError
        A number is out of its range, or nesterov is asked for without momentum.

    References
    ----------
    B. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics and
    Mathematical Physics 4(5), 1964; in the form of I. Sutskever et al., "On the importance of initialization and
    momentum in deep learning", ICML 2013, with the learning rate outside the velocity. Y. Nesterov, "A
    method of solving a convex programming problem with convergence rate O(1/k^2)", Soviet Mathematics Doklady 27,
    1983; in the form of Y. Bengio, N. Boulanger-Lewandowski and R. Pascanu, "Advances in optimizing recurrent
    networks", ICASSP 2013, at the parameters already moved ahead.

    Examples
    --------
    >>> import numpy as np
    >>> params, grads = {"weight": np.array([1.0])}, {"weight": np.array([1.0])}
    >>> optimizer = Momentum(lr=0.5, momentum=0.5)
    >>> optimizer.step(params, grads)
    >>> optimizer.step(params, grads)
    >>> params["weight"], optimizer.state["velocity.weight"]
    (array([-0.25]), array([1.5]))
    >>> params = {"weight": np.array([1.0])}
    >>> Momentum(lr=0.5, momentum=0.5, nesterov=True).step(params, grads)
    >>> params["weight"]
    array([0.25])
    """

    name = "momentum"
    slots = ("velocity",)

    def __init__(self, lr: float = 0.005, momentum: float = 0.9, nesterov: bool = False) -> None:
        super().__init__(lr)
        self.momentum = fraction("momentum", momentum, 0.9)
        if nesterov and self.momentum == 0:
            raise ArgumentError(
                "momentum is 0 with nesterov=True; expected a number above 0, as there is no velocity to look along. "
                "Pass one such as 0.9, or use SGD."
            )
        self.nesterov = bool(nesterov)
        self.kernel = _nesterov if self.nesterov else _momentum

    def settings(self) -> dict[str, Any]:
        """See `Optimizer.settings`."""
        return {"lr": self.lr, "momentum": self.momentum, "nesterov": self.nesterov}

    def coefficients(self) -> tuple[float, ...]:
        """See `Optimizer.coefficients`."""
        return self.lr, self.momentum
