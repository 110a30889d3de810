"""What users pass as X, read once: sequences end to end, from which batches are gathered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from sklearn.utils import check_array

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.machine.arrays import Array

Form = Literal["table", "block", "list"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """n sequences of F features a step, end to end.

    Attributes
    ----------
    steps : array (N, F)
        N is the sum of the lengths.
    lengths : int64 array (n,)
    form : "table", "block" or "list"
        What they came as: (n, T), (n, T, F), or one by one.
    """

    steps: Array
    lengths: Array
    form: Form

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def width(self) -> int:
        """F."""
        return int(self.steps.shape[1])

    @cached_property
    def starts(self) -> Array:
        """Where each sequence begins: int64 array (n,)."""
        starts: Array = np.cumsum(self.lengths) - self.lengths
        return starts

    def side_by_side(
        self, chosen: Array, begin: int = 0, end: int | None = None
    ) -> tuple[Array, Array | None]:
        """Where the steps of a batch stand, and the lengths.

        Parameters
        ----------
        chosen : int array (B,)
            The numbers of the sequences.
        begin, end : int
            Only of these steps; None for all up to the last. Each sequence has the first of them.

        Returns
        -------
        rows : int64 array (T, B)
            Into `steps`; beyond a sequence's end its last step again.
        lengths : int64 array (B,), or None where all are T
        """
        lengths = np.minimum(self.lengths[chosen], self.lengths.max() if end is None else end) - begin
        T = lengths.max()
        rows = self.starts[chosen] + begin + np.minimum(np.arange(T)[:, None], lengths - 1)
        return rows, None if (lengths == T).all() else lengths

    def rows_of(self, chosen: Array) -> Array:
        """Where the steps of the chosen sequences stand, one sequence after the other."""
        lengths = self.lengths[chosen]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows: Array = np.repeat(self.starts[chosen], lengths) + within
        return rows

    def take(self, chosen: Array) -> "Sequences":
        """The chosen ones alone, a copy."""
        return Sequences(self.steps[self.rows_of(chosen)], self.lengths[chosen], self.form)

    def batches(self, size: int, random: np.random.RandomState | None = None) -> Iterator[Array]:
        """The numbers of all sequences in batches of similar length, so that there is little padding.

        Parameters
        ----------
        size : int
            B; one batch may have fewer.
        random : numpy.random.RandomState or None
            Shuffles sequences of one length among each other, and the batches; None keeps the order, shortest first.
        """
        order = np.arange(len(self)) if random is None else random.permutation(len(self))
        order = order[np.argsort(self.lengths[order], kind="stable")]
        numbers = np.arange(-(-len(self) // size))
        if random is not None:
            random.shuffle(numbers)
        return (order[i * size : (i + 1) * size] for i in numbers)

    def arrange(self, rows: Array) -> Any:
        """What belongs to each step, (N, ...), in the form of X: (n, T, ...), or a list of (T_i, ...)."""
        if self.form == "list":
            return np.split(rows, self.starts[1:])
        return rows.reshape(len(self), -1, *rows.shape[1:])


def read_sequences(X: Any, dtype: np.dtype[Any]) -> Sequences:
    """X as sequences of finite numbers.

    Parameters
    ----------
    X : array-like (n, T) or (n, T, F), or sequence of n array-likes (T_i,) or (T_i, F)
        Without F there is one feature a step. A list, a tuple or an array of objects holds its sequences one by one,
        also where their lengths are equal.
    dtype : numpy.dtype
        float32 or float64.

    Raises
    ------
    ShapeError, DtypeError, ArgumentError, ValueError, TypeError
        X is none of these, or sparse, or empty; or a number is not finite. Of the latter the sequence is named.
    """
    items = _one_by_one(X)
    if items is not None:
        return _finite(_joined(items, dtype))
    whole = X if hasattr(X, "ndim") else np.asarray(X)
    if whole.ndim < 2:
        found = f"has shape {whole.shape}" if whole.ndim else f"is of type {type(X).__name__}"
        raise ShapeError(
            f"X {found}; expected (n, T), (n, T, features), or a list of sequences. Reshape your data: one sequence alone is "
            "X[None]."
        )
    if np.iscomplexobj(whole):
        raise ArgumentError(
            "Complex data not supported: X is complex; expected real numbers. Pass the real and the imaginary parts as features."
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
        array = check_array(
            whole, dtype=dtype, order="C", allow_nd=True, ensure_all_finite=False, input_name="X"
        )
    if array.ndim > 3 or 0 in array.shape:
        raise ShapeError(
            f"X has shape {array.shape}; expected (n, T) or (n, T, features), with at least one of each. Reshape it."
        )
    n, T = array.shape[:2]
    form: Form = "table" if array.ndim == 2 else "block"
    return _finite(Sequences(array.reshape(n * T, -1), np.full(n, T), form))


def is_table(X: Any, sequences: Sequences) -> bool:
    """Whether X has columns to scikit-learn, for which nested lists of one length are a table, too."""
    nested = isinstance(X, list | tuple) and all(isinstance(item, list | tuple) for item in X)
    return sequences.form == "table" or (
        nested and len(set(sequences.lengths.tolist())) == 1 and not any(map(_has_steps, X[0]))
    )


def _one_by_one(X: Any) -> Sequence[Any] | None:
    """X, if it holds sequences one by one; None for what is an array as a whole."""
    if getattr(X, "ndim", 0) == 1:
        X = np.asarray(X).tolist() if X.dtype == object else None
    return X if isinstance(X, list | tuple) and any(map(_has_steps, X)) else None


def _has_steps(item: Any) -> bool:
    return isinstance(item, list | tuple) or getattr(item, "ndim", 0) > 0


def _joined(items: Sequence[Any], dtype: np.dtype[Any]) -> Sequences:
    arrays = [_sequence(i, item, dtype) for i, item in enumerate(items)]
    width = arrays[0].shape[1]
    odd = next((i for i, array in enumerate(arrays) if array.shape[1] != width), None)
    if odd is not None:
        raise ShapeError(
            f"sequence {odd} of X has {arrays[odd].shape[1]} features a step; expected {width}, as sequence 0 has. "
            "Give every step the same features."
        )
    lengths = np.array([len(array) for array in arrays], np.int64)
    return Sequences(np.concatenate(arrays), lengths, "list")


def _sequence(i: int, item: Any, dtype: np.dtype[Any]) -> Array:
    """One sequence as (T, F)."""
    try:
        array = np.asarray(item)
        if array.dtype == object:
            array = array.astype(dtype)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"sequence {i} of X is a {type(item).__name__} that is no array of numbers; expected (T,) or (T, features). "
            "Encode what is not a number, and make sparse arrays dense."
        )
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise ShapeError(
            f"sequence {i} of X has shape {array.shape}; expected (T,) or (T, features) with at least one step. Reshape it, "
            "or leave it out."
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found when all are joined
        return array.astype(dtype).reshape(len(array), -1)


def _finite(sequences: Sequences) -> Sequences:
    if np.isfinite(sequences.steps).all():
        return sequences
    row, feature = np.argwhere(~np.isfinite(sequences.steps))[0]
    i = int(np.searchsorted(sequences.starts, row, side="right")) - 1
    found = "NaN" if np.isnan(sequences.steps[row, feature]) else "inf"
    raise ArgumentError(
        f"sequence {i} of X has {found} at step {row - sequences.starts[i]}, feature {feature}; expected finite numbers within "
        f"the range of {sequences.steps.dtype}. Fill it in, scale it, or leave the sequence out."
    )
