"""What the recurrent weights alone decide about gradients, where they are the only path back in time.

For h_t = f(a_t), a_t = W h_{t-1} + ..., one step back multiplies a gradient by J_t = diag(f'(a_t)) W. With gamma the
largest slope of f, ||J_t|| <= gamma ||W||_2, whatever the inputs. So gamma ||W||_2 < 1 is sufficient for the gradient to
vanish, and gamma ||W||_2 > 1 necessary for it to explode, but not sufficient: slopes below gamma may outweigh it. The
spectral radius of W decides for a linear cell alone; slopes that change from step to step void it, either way.

References
----------
R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, section 2.1
and the supplementary material.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ShapeError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import python_function

# The largest slope, and the function itself.
_GAMMA = {"tanh": 1.0, "relu": 1.0, "identity": 1.0, "sigmoid": 0.25}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0.0),
    "identity": lambda a: a,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
}
# Orthogonal weights in float32 have singular values of 1 to this, and are not to be told that they may explode.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class WeightConditions:
    """One layer's recurrent weights beside the conditions for vanishing and exploding gradients.

    Attributes
    ----------
    activation : "tanh", "relu", "identity" or "sigmoid"
    gamma : float
        Its largest slope.
    norm : float
        ||W||_2, the largest singular value of W.
    radius : float
        The spectral radius of W, its largest eigenvalue in magnitude.
    """

    activation: str
    gamma: float
    norm: float
    radius: float

    @property
    def bound(self) -> float:
        """gamma ||W||_2: the most that one step back can multiply a gradient's norm by."""
        return self.gamma * self.norm

    @property
    def must_vanish(self) -> bool:
        """gamma ||W||_2 < 1: sufficient. False decides nothing."""
        return self.bound < 1 - _ROUNDING

    @property
    def may_explode(self) -> bool:
        """gamma ||W||_2 > 1: necessary, not sufficient. False rules it out."""
        return self.bound > 1 + _ROUNDING

    @property
    def norm_says(self) -> str:
        """What follows from gamma ||W||_2, in a sentence."""
        found = f"gamma*||W||_2 is {_number(self.bound)}"
        if self.must_vanish:
            return (
                f"{found}, below 1: the gradient vanishes, by a factor of at most {_number(self.bound)} a step, whatever "
                "the inputs. This is sufficient."
            )
        if self.may_explode:
            return (
                f"{found}, above 1: the gradient can explode, but need not. This is necessary for exploding, not "
                "sufficient; it may still vanish."
            )
        return f"{found}, 1 to rounding: the gradient cannot explode; whether it vanishes is open."

    @property
    def radius_says(self) -> str:
        """What follows from the spectral radius, in a sentence."""
        found = f"the spectral radius of W is {_number(self.radius)}"
        if self.activation != "identity":
            return (
                f"{found}. It decides for a linear cell alone; with {self.activation} the slopes change from step to "
                "step, and neither vanishing nor exploding follows."
            )
        if self.radius < 1 - _ROUNDING:
            return (
                f"{found}, below 1: in the long run the gradient of this linear cell vanishes, though it may grow at "
                "first. This is sufficient."
            )
        if self.radius > 1 + _ROUNDING:
            return (
                f"{found}, above 1: the gradient of this linear cell explodes unless it has no part along the "
                "directions that grow. This is necessary for exploding."
            )
        return (
            f"{found}, 1 to rounding: no part of the gradient of this linear cell grows exponentially, and some part "
            "does not vanish."
        )

    def record(self) -> dict[str, str | float | bool]:
        """The numbers and what follows from them, fit for JSON."""
        return {
            "activation": self.activation,
            "gamma": self.gamma,
            "norm": self.norm,
            "radius": self.radius,
            "bound": self.bound,
            "must_vanish": self.must_vanish,
            "may_explode": self.may_explode,
        }


def weight_conditions(cell: Cell, weight_hh: Array) -> WeightConditions | None:
    """Hold the recurrent weights of one layer to the conditions; None where they do not speak of these.

    They speak of h = f(a) with f one of the known activations and W_hh the only path back: the plain RNN, and a cell of
    your own that declares ``direct=False`` and its one gate's activation, and whose h is that activation. The weights must be finite.

    Parameters
    ----------
    cell : Cell
    weight_hh : (H, H)

    Raises
    ------
    ShapeError
        The weights are not those of a layer with one gate.

    Examples
    --------
    >>> from throughtime.cells import gru, rnn_sigmoid
    >>> print(weight_conditions(rnn_sigmoid, np.diag([3.0, 2.0])).norm_says)
    gamma*||W||_2 is 0.75, below 1: the gradient vanishes, by a factor of at most 0.75 a step, ...
    >>> weight_conditions(gru, np.zeros((6, 2))) is None
    True
    """
    activation = _activation(cell)
    if activation is None:
        return None
    if weight_hh.ndim != 2 or weight_hh.shape[0] != weight_hh.shape[1]:
        raise ShapeError(
            f"weight_hh has shape {weight_hh.shape}; expected (hidden_size, hidden_size), as cell {cell.name!r} has one "
            "gate. Pass weight_hh_l0, or another layer's."
        )
    weight = weight_hh.astype(np.float64)
    if not np.isfinite(weight).all():
        return None
    norm, radius = np.linalg.norm(weight, 2), np.abs(np.linalg.eigvals(weight)).max()
    return WeightConditions(activation, _GAMMA[activation], float(norm), float(radius))


def _activation(cell: Cell) -> str | None:
    """f, where h = f(a) and W_hh is the only path back."""
    if cell.direct or cell.preactivations != 1 or len(cell.states) != 1 or cell.parameters:
        return None
    activation = cell.activations.get(cell.gates[0])
    if activation is None:
        return None
    # What is kept need not be h: 2 tanh(a) keeps tanh(a), and has twice its slope.
    forward, f = python_function(cell.forward), _FUNCTIONS[activation]
    for a in (-2.0, -0.5, 0.25, 1.5):
        ((h,), _) = forward((a,), (0.5,))
        if not abs(h - f(a)) <= 1e-6:
            return None
    return activation


def _number(value: float) -> str:
    """Four digits, or as many as show that it is not 1."""
    text = f"{value:.4g}"
    return f"{value:.7g}" if text == "1" else text
