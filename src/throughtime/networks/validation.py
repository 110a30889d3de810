"""Arguments of layers and models, checked once and made contiguous, so that kernels only compute."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError, TokenError
from throughtime.machine.arrays import Array


def require_count(name: str, value: Any) -> int:
    """A size: an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError(f"{name}={value!r} found; expected an int of at least 1. Pass {name}=1 or more.")
    return int(value)


def require_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or float64."""
    found: np.dtype[Any] | None
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found not in (np.float32, np.float64):
        raise DtypeError(
            f"dtype {dtype!r} found; expected float32 or float64. Use float32 to train, float64 to check gradients."
        )
    return found


def as_array(name: str, array: Any) -> Array:
    """`array` as an ndarray of numbers, as it is where it is one."""
    try:
        found: Array = np.asarray(array)
    except ValueError as error:
        raise ShapeError(
            f"{name} is ragged: its rows differ in length; expected an array. Pad it, and pass lengths."
        ) from error
    if found.dtype.kind not in "biuf":
        raise DtypeError(
            f"{name} is {type(array).__name__} of dtype {found.dtype}; expected numbers. Pass a NumPy array."
        )
    return found


def check_array(
    name: str, array: Any, shape: tuple[int, ...], axes: tuple[str, ...], dtype: np.dtype[Any]
) -> Array:
    """`array` as a contiguous ndarray, if its shape and type are right."""
    array = as_array(name, array)
    if array.shape != shape:
        expected = ", ".join(f"{axis}={n}" for axis, n in zip(axes, shape, strict=True))
        raise ShapeError(f"{name} has shape {array.shape}; expected ({expected}).{_remedy(name)}")
    if array.dtype != dtype:
        whose = ", the model's" if dtype.kind == "f" else ""
        raise DtypeError(
            f"{name} has dtype {array.dtype}; expected {dtype}{whose}. Convert it with {name}.astype({dtype.name!r})."
        )
    return _for_kernels(array)


def check_ids(name: str, ids: Any, size: int, ignore: int | None = None) -> Array:
    """Token ids (T, B) within [0, size), as contiguous int64."""
    ids = as_array(name, ids)
    if ids.dtype.kind not in "iu":
        raise DtypeError(
            f"{name} has dtype {ids.dtype}; expected integer token ids. Convert it with {name}.astype('int64')."
        )
    if ids.ndim != 2 or 0 in ids.shape:
        raise ShapeError(
            f"{name} has shape {ids.shape}; expected (T, batch) with at least one step and one sequence. "
            f"Use {name}[:, None] to make a batch of one sequence."
        )
    wrong = (ids < 0) | (ids >= size)
    if ignore is not None:
        wrong &= ids != ignore
    if wrong.any():
        t, b = np.argwhere(wrong)[0]
        raise TokenError(
            f"{name}[{t}, {b}] is {ids[t, b]}; expected a token id from 0 to {size - 1}. "
            "Encode the text with the model's own tokenizer."
        )
    return _for_kernels(ids, np.int64)


def check_reset(reset: Any, T: int, B: int) -> Array | None:
    """(T, B) of bool, or None."""
    return None if reset is None else check_array("reset", reset, (T, B), ("T", "batch"), np.dtype(bool))


def check_lengths(lengths: Any, T: int, B: int) -> Array | None:
    """(B,) of int from 1 to T, or None."""
    if lengths is None:
        return None
    lengths = as_array("lengths", lengths)
    if lengths.dtype.kind not in "iu":
        raise DtypeError(
            f"lengths has dtype {lengths.dtype}; expected integers. Convert it with lengths.astype('int64')."
        )
    if lengths.shape != (B,):
        raise ShapeError(
            f"lengths has shape {lengths.shape}; expected (batch={B},). Pass one length a sequence."
        )
    if (lengths < 1).any() or (lengths > T).any():
        raise ArgumentError(
            f"lengths run from {lengths.min()} to {lengths.max()}; expected 1 to T={T}. Leave empty sequences out."
        )
    return _for_kernels(lengths, np.int64)


def check_carry(carry: int | None, T: int, lengths: Array | None) -> None:
    """Raise ArgumentError unless a state can be carried on from after `carry` steps."""
    if carry is None:
        return
    if isinstance(carry, bool) or not isinstance(carry, int | np.integer) or not 0 <= carry <= T:
        raise ArgumentError(
            f"carry={carry!r} found; expected a number of steps from 0 to T={T}. Leave it out for the last state."
        )
    if lengths is not None:
        raise ArgumentError(
            f"carry={carry} found with lengths; expected one of the two, as sequences that end have no state to carry "
            "on. Leave carry out."
        )


def check_params(
    params: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype[Any]
) -> None:
    """Parameters that a user may have exchanged: kernels would take them at their word."""
    for name in sorted(params.keys() ^ shapes.keys()):
        side = "missing" if name in shapes else "unknown"
        raise ArgumentError(
            f"parameter {name!r} is {side}; expected {', '.join(shapes)}. Set values with params[name][...] = array."
        )
    for name, shape in shapes.items():
        found = params[name]
        is_array = isinstance(found, np.ndarray)
        if not is_array or found.shape != shape or found.dtype != dtype:
            error = ShapeError if is_array and found.shape != shape else DtypeError
            kind = f"{found.dtype}{found.shape}" if is_array else type(found).__name__
            raise error(
                f"parameter {name!r} is {kind}; expected {dtype}{shape}. Set values with params[name][...] = array."
            )


def _for_kernels(array: Array, dtype: Any = None) -> Array:
    """`array`, or a copy: contiguous, aligned and writeable. To the compiler a read-only array is another type."""
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.behaved else array.copy()


def _remedy(name: str) -> str:
    return (
        f" Pass {name}=None for zeros."
        if name in ("state", "dstate")
        else f" Reshape {name}, or make it anew."
    )
