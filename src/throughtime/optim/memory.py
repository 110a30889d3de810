"""Arrays of any shape as one row of numbers, in the order in which they lie in memory.

What treats every element alike need not know the shape; and an array that lies in Fortran order, as the transposed
input weights of a one-hot network do, is updated as fast as any other.
"""

from throughtime.errors import ArgumentError, DtypeError
from throughtime.machine.arrays import Array


def flat(name: str, array: Array) -> Array:
    """View a C- or F-contiguous array as (size,), in memory order.

    Raises
    ------
    ArgumentError
        The array is neither C- nor F-contiguous, or is read-only, so that no view can stand for it.
    DtypeError
        It is not an array of float32 or float64.
    """
    check_floating(name, array)
    if not array.flags.writeable:
        raise ArgumentError(f"{name} is read-only; expected an array to be changed in place. Pass a copy of it.")
    if array.flags.c_contiguous:
        return array.reshape(-1)
    if array.flags.f_contiguous:
        return array.T.reshape(-1)
    raise ArgumentError(
        f"{name} has strides {array.strides} for shape {array.shape}; expected an array without gaps, in C or Fortran "
        "order. Pass np.ascontiguousarray of it."
    )


def flat_like(array: Array, like: Array) -> Array:
    """(size,) with the elements in the memory order of `like`: a view where the orders agree, else a copy."""
    if like.flags.c_contiguous:
        return array.reshape(-1)
    return array.T.reshape(-1)


def check_floating(name: str, array: Array) -> None:
    """Raise DtypeError unless the array is one of float32 or float64."""
    dtype = getattr(array, "dtype", type(array).__name__)
    if dtype not in ("float32", "float64"):
        raise DtypeError(f"{name} has dtype {dtype}; expected a NumPy array of float32 or float64. Convert it.")
