"""Saturation: the share of time that a gate's activation spends at its flat ends.

Hardly any gradient passes through an activation there: the slope of tanh is below 0.19 where |s| > 0.9, that of the
sigmoid below 0.09 where it is under 0.1 or over 0.9, and that of ReLU is 0 where it is off. For a tanh unit that means
a gradient that vanishes; for a gate it also says what the gate does: a forget gate that stays right-saturated
remembers, one that stays left-saturated forgets at once.

References
----------
A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and understanding recurrent networks", ICLR workshop 2016
(arXiv:1506.02078): left- and right-saturated gates, by these bounds.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array

# Below the first a value is left-saturated, above the second right-saturated.
_BOUNDS = {"tanh": (-0.9, 0.9), "sigmoid": (0.1, 0.9)}


@dataclass(frozen=True)
class GateSaturation:
    """One gate's activation over the steps and sequences counted; arrays are (H,) of float64, by unit.

    Attributes
    ----------
    kind : "tanh", "sigmoid" or "relu"
    mean : (H,)
        The activation's mean: of a sigmoid gate, how far it is open.
    left, right : (H,), or None for ReLU
        Share of the time at the lower and at the upper end: tanh below -0.9 and above 0.9, sigmoid below 0.1 and above
        0.9.
    dead : (H,) of bool, or None for others than ReLU
        Units that were zero at every step counted.
    """

    kind: str
    mean: Array
    left: Array | None = None
    right: Array | None = None
    dead: Array | None = None

    @property
    def saturated(self) -> Array | None:
        """(H,): share of the time at either end; for tanh that with |s| > 0.9. None for ReLU."""
        return None if self.left is None or self.right is None else self.left + self.right

    def record(self) -> dict[str, str | float | None]:
        """The kind, and of all else the mean over units; of `dead` that is the share of dead units. Fit for JSON."""
        values = {
            "left": self.left,
            "right": self.right,
            "saturated": self.saturated,
            "mean": self.mean,
            "dead": self.dead,
        }
        return {"kind": self.kind, **{name: _over_units(value) for name, value in values.items()}}


@dataclass(frozen=True)
class Saturation:
    """One layer's gates, by name; those whose activation is the identity or unknown are left out."""

    gates: dict[str, GateSaturation] = field(default_factory=dict)

    def record(self) -> dict[str, dict[str, str | float | None]]:
        """By gate its summary, fit for JSON."""
        return {name: gate.record() for name, gate in self.gates.items()}


def measure_saturation(cell: Cell, kept: Array, counted: Array | None = None) -> Saturation:
    """The saturation of one layer's gates during a forward pass.

    Parameters
    ----------
    cell : Cell
        Its `activations` say what each gate's values are.
    kept : (T, B, GATES, H)
        What the forward pass left (`throughtime.networks.trace.LayerTrace`).
    counted : (T, B) of bool, or None for all
        The steps within a sequence. With none at all, shares and means are NaN.

    Examples
    --------
    >>> from throughtime.cells import rnn_tanh
    >>> h = np.array([0.95, -0.2, -0.99, 0.91]).reshape(4, 1, 1, 1)
    >>> measure_saturation(rnn_tanh, h).record()["h"]["saturated"]
    0.75
    """
    T, B, _, H = kept.shape
    rows = kept.reshape(T * B, -1)
    # Sums over rows as products with a vector of ones and zeros: many times faster than reductions along the first axis,
    # and exact, being counts.
    weights = np.ones(T * B, kept.dtype) if counted is None else counted.ravel().astype(kept.dtype)
    gates = {}
    with np.errstate(all="ignore"):
        for index, name in enumerate(cell.gates):
            kind = cell.activations.get(name, "identity")
            if kind == "identity":
                continue
            values = rows[:, index * H : (index + 1) * H]
            mean = _mean(weights, values)
            if kind in _BOUNDS:
                low, high = _BOUNDS[kind]
                left, right = _mean(weights, values < low), _mean(weights, values > high)
                gates[name] = GateSaturation(kind, mean, left, right)
            else:
                gates[name] = GateSaturation(kind, mean, dead=_mean(weights, values != 0) == 0)
    return Saturation(gates)


def _mean(weights: Array, values: Array) -> Array:
    """(H,): mean of values (T*B, H) over the rows whose weight is 1."""
    total: Array = weights @ values
    return total.astype(np.float64) / float(weights.sum(dtype=np.float64))


def _over_units(values: Array | None) -> float | None:
    """The mean over units; None where there is nothing, or no number."""
    if values is None:
        return None
    mean = float(values.mean())
    return mean if math.isfinite(mean) else None
