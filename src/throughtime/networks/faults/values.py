"""A value of a training step, and whether it is bad."""

from dataclasses import dataclass

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.faults.fault import Phase, Place


@dataclass
class Value:
    """An operation's result at one step.

    Attributes
    ----------
    values : (B, ...)
        What it gave for each sequence.
    wrong : (B, ...) of bool, or None
        Which of them are bad; None for those that are not finite.
    beyond : bool
        Whether values beyond a sequence's end count as well.
    whose : (B,) or None
        Where the values belong to all sequences together: how much each has a share in them.
    """

    phase: Phase
    t: int | None
    layer: int | None
    operation: str
    values: Array
    wrong: Array | None = None
    beyond: bool = False
    whose: Array | None = None

    def place(self, running: Array) -> Place | None:
        """Where it is bad: in the first sequence of those still running, (B,) of bool."""
        wrong = ~np.isfinite(self.values) if self.wrong is None else self.wrong
        if not wrong.any():
            return None
        if self.t is None or self.whose is not None:
            b = None if self.whose is None else int(np.argmax(np.nan_to_num(self.whose, nan=np.inf)))
            return Place(self.phase, self.operation, self.t, b, self.layer, float(self.values[wrong][0]))
        rows = wrong.reshape(len(wrong), -1).any(axis=1) & (running | self.beyond)
        if not rows.any():
            return None
        b = int(np.argmax(rows))
        value = float(self.values[b][wrong[b]].flat[0] if wrong.ndim > 1 else self.values[b])
        return Place(self.phase, self.operation, self.t, b, self.layer, value, int(rows.sum()))


def most(array: Array) -> Array:
    """(B,): the greatest magnitude of each row, in float64 so that products of two do not overflow."""
    found: Array = np.abs(array.reshape(len(array), -1)).max(axis=1).astype(np.float64)
    return found
