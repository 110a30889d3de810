"""What users pass as y, as rows: one for each sequence, or one for each step of all sequences."""

from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from throughtime.errors import ArgumentError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.sklearn.sequences import Sequences


def read_rows(y: Any, sequences: Sequences, at: str) -> Any:
    """y with one row for each target, as it came otherwise.

    Parameters
    ----------
    y : array-like
        At "last": (n,) or (n, O). At "every": (n, T) or (n, T, O), or for each sequence (T_i,) or (T_i, O).

    Returns
    -------
    array-like (R,) or (R, O)
        R is n, or N.

    Raises
    ------
    ArgumentError, ShapeError
        There are not as many targets as sequences, or steps.
    """
    if y is None:
        raise ArgumentError(
            "y is None: this estimator requires y to be passed, but the target y is None; expected targets. Pass y."
        )
    count = len(y if hasattr(y, "__len__") else np.asarray(y))
    if count != len(sequences):
        raise ShapeError(
            f"y has {count} targets for {len(sequences)} sequences; expected one for each. Pass y[i] for X[i]."
        )
    if at == "last":
        return y
    parts = [
        np.atleast_1d(np.asarray(item)) for item in (y if isinstance(y, list | tuple) else np.asarray(y))
    ]
    for i, (part, T) in enumerate(zip(parts, sequences.lengths.tolist(), strict=True)):
        if len(part) != T or part.ndim != parts[0].ndim:
            raise ShapeError(
                f"targets of sequence {i} have shape {part.shape}; expected one for each of its {T} steps, alike for all "
                "sequences. Use at='last' for one target a sequence."
            )
    return np.concatenate(parts)


def read_labels(rows: Any) -> Array:
    """Rows as class labels (R,).

    Raises
    ------
    ArgumentError, ValueError
        They are continuous or not finite, or no vector.
    """
    labels: Array = column_or_1d(rows, warn=True)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.argmax(~np.isfinite(labels)))
        raise ArgumentError(f"label {row} is {labels[row]}; expected a class. Leave out what has none.")
    check_classification_targets(labels)
    return labels


def read_numbers(rows: Any, dtype: np.dtype[Any]) -> Array:
    """Rows as finite numbers, (R,) or (R, O).

    Raises
    ------
    ShapeError, ArgumentError, ValueError, TypeError
        They are neither, or not numbers, or not finite.
    """
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
        numbers: Array = check_array(
            rows,
            dtype=dtype,
            order="C",
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            input_name="y",
        )
    if numbers.ndim not in (1, 2) or 0 in numbers.shape:
        raise ShapeError(
            f"y has targets of shape {numbers.shape[1:]}; expected one number each, or a row of them. Reshape y."
        )
    if not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers))[0][0])
        raise ArgumentError(
            f"target {row} is {numbers[row]}; expected finite numbers within the range of {dtype}. Leave out what has no "
            "target, or scale y."
        )
    return numbers


def ids_of(labels: Array, classes: Array) -> Array:
    """The place of each label (R,) among the classes: int64 array (R,).

    Raises
    ------
    ArgumentError
        A label is none of the classes.
    """
    unknown = np.flatnonzero(~np.isin(labels, classes))
    if len(unknown):
        raise ArgumentError(
            f"label {labels[unknown].tolist()[0]!r} of target {unknown[0]} is none of the {len(classes)} classes; expected one that was "
            "named or seen first. Pass all classes to the first partial_fit, or begin anew with fit."
        )
    return np.searchsorted(classes, labels).astype(np.int64)
