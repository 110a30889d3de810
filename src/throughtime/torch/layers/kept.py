"""What forward passes leave for the way back, taken apart: arrays for autograd to keep, and what holds them together.

Autograd must have all that is large: what its hooks move, compress or compute again is then moved, compressed or computed
again here too, and what it lets go is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.bidirectional import BidirectionalTrace
from throughtime.networks.inputs import Vectors
from throughtime.networks.trace import LayerTrace, Trace

_PARTS = BidirectionalTrace, LayerTrace, Trace, Vectors


@dataclass(frozen=True)
class _Place:
    """Where an array was, and which of them."""

    number: int


def take_out(trace: Any) -> tuple[Any, list[Array]]:
    """The same without its arrays of numbers, and these, each once."""
    arrays: list[Array] = []
    places: dict[int, _Place] = {}

    def taken(part: Any) -> Any:
        if not (isinstance(part, np.ndarray) and part.dtype.kind == "f"):
            return part
        if id(part) not in places:
            places[id(part)] = _Place(len(arrays))
            arrays.append(part)
        return places[id(part)]

    return _rebuilt(trace, taken), arrays


def put_in(trace: Any, arrays: list[Array]) -> Any:
    """What `take_out` has taken apart, with these arrays in place of those."""
    return _rebuilt(trace, lambda part: arrays[part.number] if type(part) is _Place else part)


def _rebuilt(part: Any, change: Callable[[Any], Any]) -> Any:
    kind = type(part)
    if kind is list or kind is tuple:
        return kind([_rebuilt(each, change) for each in part])
    if not isinstance(part, _PARTS):
        return change(part)
    made = object.__new__(kind)  # copy.copy does the same in five times as long
    made.__dict__ = {name: _rebuilt(value, change) for name, value in part.__dict__.items()}
    return made
