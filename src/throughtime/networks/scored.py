"""What a loss sees: which rows of the outputs, and their targets."""

from typing import Any, NamedTuple

import numpy as np

from throughtime.errors import ArgumentError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.networks.validation import check_array, check_ids
from throughtime.targets import IGNORED


class Scored(NamedTuple):
    """The output rows that a loss sees, in order, and their targets: (N,) ids for softmax, otherwise (N, O)."""

    rows: Array | None  # of the T * B; None for all
    targets: Array

    def share(self, part: slice, T: int, B: int) -> "Scored":
        """The same for the sequences `part`, rows counted as they are then."""
        steps, sequences = np.divmod(np.arange(T * B) if self.rows is None else self.rows, B)
        mine = (part.start <= sequences) & (sequences < part.stop)
        width = part.stop - part.start
        rows = (steps * width + sequences - part.start)[mine]
        return Scored(None if len(rows) == T * width else rows, self.targets[mine])

    def chosen(self, wanted: Array) -> "Scored":
        """Those of them whose rows are wanted: (T * B,) of bool."""
        rows = np.arange(len(wanted)) if self.rows is None else self.rows
        kept = wanted[rows]
        return Scored(rows[kept], self.targets[kept])


def last_rows(T: int, B: int, lengths: Array | None) -> Array:
    """(B,): the row of each sequence's last step."""
    ends = np.full(B, T - 1) if lengths is None else lengths - 1
    rows: Array = ends * B + np.arange(B)
    return rows


def rows_that_count(targets: Array, loss: str, T: int, B: int, lengths: Array | None) -> Scored:
    """Of targets at every step, (T * B,) or (T * B, O), those that count: no other row is read out."""
    counts = real_targets(targets, loss)
    if lengths is not None:
        counts &= (np.arange(T)[:, None] < lengths).ravel()
    return Scored(None, targets) if counts.all() else Scored(np.flatnonzero(counts), targets[counts])


def last_rows_that_count(targets: Array, loss: str, T: int, B: int, lengths: Array | None) -> Scored:
    """The same of targets at each sequence's last step, (B,) or (B, O)."""
    counts = real_targets(targets, loss)
    return Scored(last_rows(T, B, lengths)[counts], targets[counts])


def real_targets(targets: Array, loss: str) -> Array:
    """(N,) of bool: the rows with a target that is not ignored."""
    if loss == "squared":
        return np.ones(len(targets), np.bool_)
    found: Array = (targets != IGNORED).reshape(len(targets), -1).any(axis=1)
    return found


def require_at(at: str) -> str:
    """`at`, if it says where targets are: at "every" step, or at the "last" of each sequence."""
    if at not in ("every", "last"):
        raise ArgumentError(
            f"at={at!r} found; expected 'every' or 'last'. Use at='last' for one target a sequence."
        )
    return at


def check_targets(
    targets: Any, loss: str, shape: tuple[int, ...], output_size: int, dtype: np.dtype[Any]
) -> Array:
    """Targets of shape (T, B) or (B,), checked and in rows: (N,) ids for softmax, otherwise (N, O)."""
    axes = ("T", "batch")[-len(shape) :]
    if loss != "softmax":
        full, names = (*shape, output_size), (*axes, "output_size")
        return check_array("targets", targets, full, names, dtype).reshape(-1, output_size)
    ids = np.asarray(targets)
    if ids.shape != shape:
        expected = ", ".join(f"{axis}={n}" for axis, n in zip(axes, shape, strict=True))
        raise ShapeError(
            f"targets have shape {ids.shape}; expected ({expected}). Pass one class id for each."
        )
    return check_ids("targets", ids.reshape(-1, shape[-1]), output_size, IGNORED).ravel()


def reduction_scale(reduction: str, count: int) -> float:
    """What a sum over `count` targets is multiplied by."""
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"reduction {reduction!r} found; expected 'mean' or 'sum'. Use 'sum' for the article's."
        )
    if count == 0:
        raise ArgumentError(
            f"every target is {IGNORED}, which is ignored; expected at least one that counts. Leave such batches out."
        )
    return 1.0 if reduction == "sum" else 1.0 / count
