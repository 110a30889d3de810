"""Clipping of gradients, by their common norm or element by element."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.machine.rows import euclidean_norm
from throughtime.optim.memory import flat
from throughtime.optim.settings import positive, require_keys
from throughtime.optim.structured import Gradient, Structured


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What a clip found.

    Attributes
    ----------
    norm : float
        The global norm before clipping. NaN or infinite if a gradient is: nothing was changed then.
    clipped : bool
        Whether the gradients were changed.
    """

    norm: float
    clipped: bool


class Clip(ABC):
    """Anything that limits gradients in place; ``str`` says in a few words how."""

    structured: ClassVar[bool] = False
    """Whether it takes gradients as what they are made of (`throughtime.optim.structured`)."""

    @abstractmethod
    def apply(self, grads: Mapping[str, Gradient]) -> ClipResult:
        """Limit the gradients in place, and tell their norm before.

        Raises
        ------
        ArgumentError, DtypeError
            A gradient that is read-only, has gaps, or is not of float32 or float64; nothing is changed then.
        """

    @property
    def state(self) -> dict[str, Any]:
        """What must be kept to resume, fit for JSON."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from another's `state`.

        Raises
        ------
        ArgumentError
            It is not the state of such a clip.
        """
        require_keys(f"clip {self}", state, self.state)


class ClipNorm(Clip):
    """Clipping by the global norm: if ||g|| >= theta, then g *= theta / ||g||, which keeps the direction.

    Parameters
    ----------
    theta : float
        The largest norm allowed, above 0. Good values are 0.5 to 10 times the norm's usual size.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> grads = {"weight": np.array([3.0, 4.0])}
    >>> ClipNorm(1.0).apply(grads)
    ClipResult(norm=5.0, clipped=True)
    >>> grads["weight"]
    array([0.6, 0.8])
    """

    structured = True

    def __init__(self, theta: float) -> None:
        self.theta = positive("theta", theta, 1.0)

    def apply(self, grads: Mapping[str, Gradient]) -> ClipResult:
        """Scale the gradients in place; see `Clip.apply`."""
        rows, structured = _rows(grads)
        norm = _joint_norm(rows, structured)
        clipped = math.isfinite(norm) and norm >= self.theta
        if clipped:
            for row in rows:
                _scale(row, self.theta / norm)
            for gradient in structured:
                gradient.factor *= self.theta / norm
        return ClipResult(norm, clipped)

    def __str__(self) -> str:
        return f"norm {self.theta:g}"


class ClipValue(Clip):
    """Clipping by value: every element is held within [-value, value], which may turn the direction.

    Parameters
    ----------
    value : float
        The largest magnitude allowed, above 0.

    References
    ----------
    T. Mikolov, "Statistical Language Models Based on Neural Networks", PhD thesis, Brno, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> grads = {"weight": np.array([3.0, -4.0, 0.5])}
    >>> ClipValue(1.0).apply(grads).clipped
    True
    >>> grads["weight"]
    array([ 1. , -1. ,  0.5])
    """

    def __init__(self, value: float) -> None:
        self.value = positive("value", value, 1.0)

    def apply(self, grads: Mapping[str, Gradient]) -> ClipResult:
        """Clamp the gradients in place; see `Clip.apply`."""
        rows, structured = _rows(grads)
        if structured:
            raise ArgumentError(
                "a structured gradient found; expected arrays, as this clip changes single elements. Ask bptt for arrays."
            )
        norm = _joint_norm(rows, structured)
        if not math.isfinite(norm):
            return ClipResult(norm, clipped=False)
        changed = [int(_clamp(row, row.dtype.type(self.value))) for row in rows]
        return ClipResult(norm, clipped=any(changed))

    def __str__(self) -> str:
        return f"value {self.value:g}"


def global_norm(grads: Mapping[str, Gradient]) -> float:
    """Euclidean norm of all gradients together.

    Parameters
    ----------
    grads : dict of str to array
        float32 or float64, C- or F-contiguous, writeable, of any magnitudes.

    Returns
    -------
    norm : float
        Computed in float64 and without overflow or underflow on the way: right for gradients of 1e-300 and of 1e300.
        NaN or infinite if an element is.

    Examples
    --------
    >>> import numpy as np
    >>> norm = global_norm({"weight": np.array([3e200]), "bias": np.array([4e200])})
    >>> f"{norm:.10g}"
    '5e+200'
    """
    return _joint_norm(*_rows(grads))


def _rows(grads: Mapping[str, Gradient]) -> tuple[list[Array], list[Structured]]:
    """Arrays as rows in memory order, and the others."""
    structured = [grad for grad in grads.values() if isinstance(grad, Structured)]
    arrays = [
        flat("gradient", name, grad) for name, grad in grads.items() if not isinstance(grad, Structured)
    ]
    return arrays, structured


def _joint_norm(rows: list[Array], structured: list[Structured]) -> float:
    with np.errstate(over="ignore"):  # euclidean_norm answers an overflow itself
        norms = [*(euclidean_norm(row) for row in rows), *(gradient.norm() for gradient in structured)]
    return math.hypot(*norms)  # hypot scales what it squares


@compiled
def _scale(row: Array, factor: float) -> None:
    # In float64: for a norm above 1e38, theta / norm is not a normal float32.
    for i in range(row.size):
        row[i] = np.float64(row[i]) * factor


@compiled
def _clamp(row: Array, value: float) -> int:
    changed = 0
    for i in range(row.size):
        x = row[i]
        y = value if x > value else (-value if x < -value else x)
        row[i] = y
        changed += y != x
    return changed
