"""Arguments of layers and models, checked once and made contiguous, so that kernels only compute."""

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


def check_array(
    name: str, array: Any, shape: tuple[int, ...], axes: tuple[str, ...], dtype: np.dtype[Any]
) -> Array:
    """`array` as a contiguous ndarray, if its shape and type are right."""
    array = np.asarray(array)
    if array.shape != shape:
        expected = ", ".join(f"{axis}={n}" for axis, n in zip(axes, shape, strict=True))
        raise ShapeError(f"{name} has shape {array.shape}; expected ({expected}).{_remedy(name)}")
    if array.dtype != dtype:
        raise DtypeError(
            f"{name} has dtype {array.dtype}; expected {dtype}, the model's. Convert it with {name}.astype({dtype.name!r})."
        )
    return np.ascontiguousarray(array)


def check_ids(name: str, ids: Any, size: int, ignore: int | None = None) -> Array:
    """Token ids (T, B) within [0, size), as contiguous int64."""
    ids = np.asarray(ids)
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
    return np.ascontiguousarray(ids, np.int64)


def check_reset(reset: Any, T: int, B: int) -> Array | None:
    """(T, B) of bool, or None."""
    return None if reset is None else check_array("reset", reset, (T, B), ("T", "batch"), np.dtype(bool))


def check_lengths(lengths: Any, T: int, B: int) -> Array | None:
    """(B,) of int from 1 to T, or None."""
    if lengths is None:
        return None
    lengths = np.asarray(lengths)
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
    return np.ascontiguousarray(lengths, np.int64)


def _remedy(name: str) -> str:
    return (
        f" Pass {name}=None for zeros."
        if name in ("state", "dstate")
        else f" Reshape {name}, or make it anew."
    )
