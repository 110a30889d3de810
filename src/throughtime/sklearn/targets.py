"""What users pass as y, as rows: one for each sequence, or one for each step of all sequences."""

from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from throughtime.errors import ArgumentError, DtypeError, ShapeError
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
        _check_one_each(y)
        return y
    parts = [np.atleast_1d(_as_array(item)) for item in (y if isinstance(y, list | tuple) else np.asarray(y))]
    for i, (part, T) in enumerate(zip(parts, sequences.lengths.tolist(), strict=True)):
        if len(part) != T or part.ndim != parts[0].ndim:
            raise ShapeError(
                f"targets of sequence {i} have shape {part.shape}; expected one for each of its {T} steps, alike for all "
                "sequences. Use at='last' for one target a sequence."
            )
    if len({part.dtype.kind in "US" for part in parts}) > 1:  # numbers would become strings
        parts = [part.astype(object) for part in parts]
    rows = np.concatenate(parts)
    _check_real(rows)
    return rows


def read_weights(weights: Any, sequences: Sequences, at: str) -> Array:
    """Weights of sequences, one for each row of y.

    Raises
    ------
    ShapeError
        There are not as many as sequences.
    """
    found = np.asarray(weights)
    if found.shape != (len(sequences),):
        raise ShapeError(
            f"sample_weight has shape {found.shape}; expected ({len(sequences)},). Pass one weight for each sequence, also "
            "where each step has a target."
        )
    return np.repeat(found, sequences.lengths) if at == "every" else found


def read_labels(rows: Any) -> Array:
    """Rows as class labels (R,).

    Raises
    ------
    ArgumentError, ShapeError, DtypeError, ValueError
        They are continuous or not finite, of several types, or no vector.
    """
    labels = _labels("label", rows)
    check_classification_targets(labels)
    return labels


def read_classes(classes: Any) -> Array:
    """Classes in order, each once; `read_labels` has the errors."""
    if np.ndim(classes) != 1:
        raise ShapeError(f"classes has shape {np.shape(classes)}; expected (n_classes,). Pass np.unique(y).")
    return np.unique(_labels("class", classes))


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
            f"y has targets of shape {numbers.shape[1:]}; expected a number, or a row of them, for each sequence, or for each step "
            "with at='every'. Reshape y, or set at."
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


def _labels(name: str, rows: Any) -> Array:
    given = _as_array(rows)
    if given.ndim != 1 and given.shape[1:] != (1,):
        raise ShapeError(
            f"y has targets of shape {given.shape[1:]}; expected one {name} for each sequence, or for each step with at='every'. "
            "Reshape y, or set at."
        )
    labels: Array = column_or_1d(given if given.dtype == object else rows, warn=True)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        i = int(np.argmax(~np.isfinite(labels)))
        raise ArgumentError(f"{name} {i} is {labels[i]}; expected a class. Leave out what has none.")
    if labels.dtype == object:
        odd = next((i for i, label in enumerate(labels) if not isinstance(label, str | bytes)), None)
        if odd is not None:
            raise DtypeError(
                f"Unknown label type: {name} {odd} is of type {type(labels[odd]).__name__} among objects; expected strings alone, or an "
                "array of numbers. Leave out what has no class, and convert the others to one type."
            )
    return labels


def _check_one_each(y: Any) -> None:
    """At "last", y may not hold a whole sequence of targets for each sequence, whose lengths differ."""
    try:
        found = np.asarray(y)
        ragged = found.dtype == object and any(
            isinstance(row, np.ndarray | list | tuple) for row in found.flat
        )
    except ValueError:
        ragged = True
    if ragged:
        raise ShapeError(
            "y is ragged: its rows differ in length; expected one target for each sequence. Use at='every' for one for each step."
        )
    _check_real(found)


def _check_real(rows: Array) -> None:
    if np.iscomplexobj(rows):
        raise ArgumentError("Complex data not supported: y is complex; expected real targets. Pass y.real.")


def _as_array(values: Any) -> Array:
    """As NumPy has it, but numbers among strings stay numbers."""
    array = np.asarray(values)
    if array.dtype.kind in "US" and isinstance(values, list | tuple):
        objects = np.array(values, object)
        if not all(isinstance(value, str | bytes) for value in objects.flat):
            return objects
    return array
