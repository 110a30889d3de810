"""What a forward pass leaves for the way back."""

from dataclasses import dataclass

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.machine.arrays import Array
from throughtime.networks.inputs import Input
from throughtime.truncation import Segment

NOWHERE: Array = np.zeros((0, 0), np.bool_)


@dataclass
class LayerTrace:
    """What one layer leaves for the way back; shapes as in `throughtime.sweeps.unroll`."""

    source: Input
    mask: Array | None  # dropout's, on this layer's input
    kept: Array
    recurrent: Array
    unit: Array
    entering: Array
    states: Array

    @property
    def swept(self) -> tuple[Array, Array, Array, Array, Array]:
        """What every sweep back over the layer begins with."""
        return self.kept, self.recurrent, self.unit, self.entering, self.states


@dataclass
class Trace:
    """What a forward pass leaves for the way back. It owns its buffers: until it is spent it can be gone back over again.

    The parameters must be those of the forward pass when it is.
    """

    owner: object
    cell: Cell
    layers: list[LayerTrace]
    reset: Array
    lengths: Array
    padding: Array | None  # (T, B) of bool: beyond a sequence's end

    @property
    def T(self) -> int:
        return self.layers[0].source.T

    @property
    def B(self) -> int:
        return self.layers[0].source.B

    def state_after(self, steps: int) -> Array:
        """(STATES, num_layers, B, H): a copy of the state after so many steps; the given one after 0."""
        return np.stack([layer.states[:, steps] for layer in self.layers], axis=1)

    def cuts(self, segments: list[Segment]) -> Array:
        """(T, B) of bool, or (0, 0) for none: where no gradient goes on, at a segment's start or a reset state."""
        starts = [segment.start for segment in segments if segment.start]
        if not starts:
            return self.reset
        cut = np.zeros((self.T, self.B), np.bool_)
        cut[starts] = True
        if self.padding is not None:
            cut &= (
                ~self.padding
            )  # the last state of a sequence belongs to its last step, however long the batch
        return cut | self.reset if self.reset.size else cut
