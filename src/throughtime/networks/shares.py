"""What one call is about, and its division into shares of the batch that are worked on side by side."""

from dataclasses import dataclass

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.dropout import Masks
from throughtime.networks.inputs import Input


@dataclass
class Call:
    """What recurrent layers run over. All is already found right."""

    source: Input
    state: Array | None  # (STATES, num_layers, B, H)
    reset: Array | None  # (T, B)
    lengths: Array | None  # (B,)
    masks: Masks

    def share(self, part: slice, source: Input) -> "Call":
        """The same for the sequences `part`, whose input is `source`."""
        return Call(
            source,
            _of_sequences(self.state, 2, part),
            _of_sequences(self.reset, 1, part),
            _of_sequences(self.lengths, 0, part),
            [_of_sequences(mask, 1, part) for mask in self.masks],
        )


def parts(B: int, count: int) -> list[slice]:
    """B sequences in `count` contiguous parts, or in B, whose lengths differ by one at most.

    Examples
    --------
    >>> parts(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    count = min(count, B)
    edges = [B * n // count for n in range(count + 1)]
    return [slice(*edges[n : n + 2]) for n in range(count)]


def _of_sequences(array: Array | None, axis: int, part: slice) -> Array | None:
    return None if array is None else np.ascontiguousarray(array[(slice(None),) * axis + (part,)])
