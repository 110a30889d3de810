"""What a layer reads: vectors, or rows of a table by id. Each projects itself, and differentiates its projection.

Where the same few rows recur, the whole table is projected once and its rows are gathered, which costs V products
instead of T * B; gradients are then added up by row before they meet the weights.
"""

from typing import Protocol

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.rows import add_rows, gather_rows
from throughtime.machine.workspace import Workspace
from throughtime.optim.structured import Gradient, SomeRows


class Input(Protocol):
    """A sequence as a layer's input."""

    T: int
    B: int

    def without(self, padding: Array) -> "Input":
        """The same, with nothing where padding (T, B) is true."""

    def turned(self, turn: Array) -> "Input":
        """The same read in another order: at step t of sequence b what stands at turn[t, b], its own inverse."""

    def project(self, weight: Array, out: Array, workspace: Workspace) -> None:
        """out (T*B, K) = x @ weight.T, weight (K, I)."""

    def differentiate(
        self, da: Array, weight: Array, workspace: Workspace, wanted: bool = True
    ) -> tuple[Gradient, Gradient | None]:
        """From da (T*B, K): the gradient of weight (K, I); and that of the vectors or of the table, if wanted."""


class Vectors:
    """x (T, B, I)."""

    def __init__(self, x: Array) -> None:
        self.x = x
        self.T, self.B, self._I = x.shape

    def without(self, padding: Array) -> "Input":
        # What lies beyond a sequence's end may be anything, NaN too; 0 * NaN must not reach a weight's gradient.
        return Vectors(np.where(padding[:, :, None], self.x.dtype.type(0), self.x))

    def turned(self, turn: Array) -> "Input":
        return TurnedVectors(self.x, turn)

    def project(self, weight: Array, out: Array, workspace: Workspace) -> None:
        workspace.multiply(self._flat(), weight.T, out)

    def differentiate(
        self, da: Array, weight: Array, workspace: Workspace, wanted: bool = True
    ) -> tuple[Array, Gradient | None]:
        dweight = workspace.multiply(da.T, self._flat(), _empty_as(weight, workspace))
        return dweight, self._differentiate_vectors(da, weight, workspace) if wanted else None

    def _differentiate_vectors(self, da: Array, weight: Array, workspace: Workspace) -> Gradient:
        dx = workspace.empty("dx", (self.T * self.B, self._I), da.dtype)
        return workspace.multiply(da, weight, dx).reshape(self.x.shape)

    def _flat(self) -> Array:
        return self.x.reshape(self.T * self.B, self._I)


class TurnedVectors(Vectors):
    """x (T, B, I) read in another order; its gradient is in x's own."""

    def __init__(self, x: Array, turn: Array) -> None:
        super().__init__(turned(x, turn))
        self.turn = turn

    def without(self, padding: Array) -> "Input":
        return self  # it was taken out before turning

    def _differentiate_vectors(self, da: Array, weight: Array, workspace: Workspace) -> Gradient:
        dx = workspace.empty("dx", (self.T * self.B, self._I), da.dtype)
        return turned(workspace.multiply(da, weight, dx).reshape(self.x.shape), self.turn)


class OneHot:
    """Token ids (T, B): the article's U[:, x], columns of the weight with no product at all.

    `structured` leaves the weight's gradient as that of the columns read.
    """

    def __init__(self, ids: Array, structured: bool = False) -> None:
        self.ids, self.structured = ids, structured
        self.T, self.B = ids.shape

    def without(self, padding: Array) -> "Input":
        return self  # ids are always valid

    def turned(self, turn: Array) -> "Input":
        return OneHot(turned(self.ids, turn), self.structured)

    def project(self, weight: Array, out: Array, workspace: Workspace) -> None:
        gather_rows(weight.T, self.ids.ravel(), out)

    def differentiate(
        self, da: Array, weight: Array, workspace: Workspace, wanted: bool = True
    ) -> tuple[Gradient, None]:
        if self.structured:
            return SomeRows(self.ids.ravel(), da, weight.shape[1], turned=True), None
        dweight = _empty_as(weight, workspace)
        dweight[...] = 0
        add_rows(da, self.ids.ravel(), dweight.T)
        return dweight, None


class TableRows:
    """Rows of a table (V, I) by token ids (T, B), the table projected whole."""

    def __init__(self, table: Array, ids: Array) -> None:
        self.table, self.ids = table, ids
        self.T, self.B = ids.shape

    def without(self, padding: Array) -> "Input":
        return self  # ids are always valid

    def turned(self, turn: Array) -> "Input":
        return TableRows(self.table, turned(self.ids, turn))

    def project(self, weight: Array, out: Array, workspace: Workspace) -> None:
        projected = workspace.empty("table_projected", (len(self.table), len(weight)), out.dtype)
        workspace.multiply(self.table, weight.T, projected)
        gather_rows(projected, self.ids.ravel(), out)

    def differentiate(
        self, da: Array, weight: Array, workspace: Workspace, wanted: bool = True
    ) -> tuple[Array, Array | None]:
        dprojected = workspace.zeros("dtable_projected", (len(self.table), da.shape[1]), da.dtype)
        add_rows(da, self.ids.ravel(), dprojected)
        dweight = workspace.multiply(dprojected.T, self.table, _empty_as(weight, workspace))
        if not wanted:
            return dweight, None
        dtable = workspace.empty("dtable", self.table.shape, da.dtype)
        return dweight, workspace.multiply(dprojected, weight, dtable)


class GatheredRows(Vectors):
    """Rows of a table (V, I) by token ids (T, B), gathered before the product: for tables longer than the text.

    `structured` leaves the table's gradient as that of the rows read.
    """

    def __init__(self, table: Array, ids: Array, structured: bool = False) -> None:
        gathered = np.empty((ids.size, table.shape[1]), table.dtype)
        gather_rows(table, ids.ravel(), gathered)
        super().__init__(gathered.reshape(*ids.shape, table.shape[1]))
        self.table, self.ids, self.structured = table, ids, structured

    def without(self, padding: Array) -> "Input":
        return self  # ids are always valid

    def turned(self, turn: Array) -> "Input":
        return GatheredRows(self.table, turned(self.ids, turn), self.structured)

    def _differentiate_vectors(self, da: Array, weight: Array, workspace: Workspace) -> Gradient:
        drows = workspace.empty("dx", (self.ids.size, self.table.shape[1]), da.dtype)
        workspace.multiply(da, weight, drows)
        if self.structured:
            return SomeRows(self.ids.ravel(), drows, len(self.table), turned=False)
        dtable = workspace.zeros("dtable", self.table.shape, da.dtype)
        add_rows(drows, self.ids.ravel(), dtable)
        return dtable


def table_rows(table: Array, ids: Array, structured: bool = False) -> Input:
    """The cheaper way to read a table: project it whole where it has fewer rows than there are tokens."""
    return TableRows(table, ids) if len(table) < ids.size else GatheredRows(table, ids, structured)


def _empty_as(weight: Array, workspace: Workspace) -> Array:
    """Room for a weight's gradient, in the weight's memory order."""
    if weight.flags.c_contiguous:
        return workspace.empty("dweight", weight.shape, weight.dtype)
    return workspace.empty("dweight", weight.T.shape, weight.dtype).T


def turned(array: Array, turn: Array) -> Array:
    """array (T, B, ...) with what stands at turn[t, b] at step t of sequence b."""
    index = turn.reshape(turn.shape + (1,) * (array.ndim - 2))
    return np.take_along_axis(array, index, axis=0)
