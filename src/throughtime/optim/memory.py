"""Arrays of any shape as one row of numbers, in the order in which they lie in memory.

What treats every element alike need not know the shape; and an array that lies in Fortran order, as the transposed
input weights of a one-hot network do, is updated as fast as any other.
"""

import numpy as np

from throughtime.errors import ArgumentError, DtypeError
from throughtime.machine.arrays import Array

_FLOATING = frozenset({np.dtype(np.float32), np.dtype(np.float64)})


def flat(kind: str, name: str, array: Array) -> Array:
    """View a C- or F-contiguous array as (size,), in memory order; messages call it, say, gradient 'weight'.

    Raises
    ------
    ArgumentError
        The array is neither C- nor F-contiguous, or is read-only, so that no view can stand for it.
    DtypeError
        It is not an array of float32 or float64.
    """
    check_floating(kind, name, array)
    flags = array.flags
    if not flags.writeable:
        raise ArgumentError(
            f"{kind} {name!r} is read-only; expected an array to be changed in place. Pass a copy of it."
        )
    if flags.c_contiguous:
        return array.reshape(-1)
    if flags.f_contiguous:
        return array.T.reshape(-1)
    raise ArgumentError(
        f"{kind} {name!r} has strides {array.strides} for shape {array.shape}; expected an array without gaps, in C or "
        "Fortran order. Pass np.ascontiguousarray of it."
    )


def flat_like(array: Array, like: Array) -> Array:
    """(size,) with the elements in the memory order of `like`: a view where the orders agree, else a copy."""
    if like.flags.c_contiguous:
        return array.reshape(-1)
    return array.T.reshape(-1)


def check_floating(kind: str, name: str, array: Array) -> None:
    """Raise DtypeError unless the array is one of float32 or float64."""
    dtype = array.dtype if isinstance(array, np.ndarray) else type(array)
    if dtype not in _FLOATING:
        raise DtypeError(
            f"{kind} {name!r} is of {dtype}; expected a NumPy array of float32 or float64. Convert it."
        )
