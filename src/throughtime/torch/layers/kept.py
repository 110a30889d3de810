"""What forward passes leave for the way back, taken apart: arrays for autograd to keep, and what holds them together.

Autograd must have all that is large: what its hooks move, compress or compute again is then moved, compressed or computed
again here too, and what it lets go is gone.
"""

import copy
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

    def place(array: Array) -> _Place:
        if id(array) not in places:
            places[id(array)] = _Place(len(arrays))
            arrays.append(array)
        return places[id(array)]

    return _rebuilt(trace, lambda part: place(part) if _is_numbers(part) else part), arrays


def put_in(trace: Any, arrays: list[Array]) -> Any:
    """What `take_out` has taken apart, with these arrays in place of those."""
    return _rebuilt(trace, lambda part: arrays[part.number] if isinstance(part, _Place) else part)


def _is_numbers(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind == "f"


def _rebuilt(part: Any, change: Any) -> Any:
    if isinstance(part, list | tuple):
        return type(part)(_rebuilt(each, change) for each in part)
    if isinstance(part, _PARTS):
        made = copy.copy(part)
        vars(made).update({name: _rebuilt(value, change) for name, value in vars(part).items()})
        return made
    return change(part)
