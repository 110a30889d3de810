"""Omega: a penalty that keeps the gradient's norm from step to step, where W_hh is the only path back in time.

With delta_t = dE/dh_t, all that reaches the state of step t from its own and later losses, and J_t = dh_t/dh_{t-1} =
(dh_t/da_t) W_hh, of the plain RNN diag(f'(a_t)) W_hh, a step back in time multiplies the gradient's norm by

    ratio_t = ||delta_t J_t|| / ||delta_t||,

and Omega is the mean of (ratio_t - 1)^2. It is differentiated with respect to W_hh alone, with states and deltas held
constant, which costs two products more for a whole sequence: a reverse sweep leaves delta_t dh_t/da_t, the gradient of
the pre-activations.

The paper has it for the plain RNN. Any cell will do that is declared to have no other path (`Cell.direct` is False),
however many gates it has. With another, as through an LSTM's c, J_t is more than W_hh has a part in.

The paper writes a sum over the steps of one sequence. As in the authors' program, this is divided by the number of its
terms, over all steps and sequences of a batch, so that a weight means the same for any length and batch size; their
program takes the ratio's square, and then alpha = 4 weighs near 1 as 16 does here. Layers have a mean each, which add up.

A term needs a step back in time within the call: the first step has none, nor has one whose state was reset, or one
where a truncation cuts. Where delta_t is so small that its elements lose digits, there is none either.

References
----------
R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, equations 9
and 10; their program: github.com/pascanur/trainingRNNs.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.optim.settings import at_least_zero
from throughtime.truncation import Truncation

# Updates after which the weight is halved.
_HALF = 1000


@dataclass(frozen=True)
class Terms:
    """The terms of Omega that some steps and sequences of one layer give; those of others can be added.

    total: their sum. number: how many. gradient: (GATES * H, H), of the sum, with respect to W_hh.
    """

    total: float
    number: int
    gradient: Array

    def joined(self, others: "Terms | None") -> "Terms":
        """These and others."""
        if others is None:
            return self
        return Terms(self.total + others.total, self.number + others.number, self.gradient + others.gradient)


def decayed(weight: float, step: int) -> float:
    """Omega's weight at an update, on a schedule that falls as 1/t: weight / (1 + step / 1000).

    The penalty is to find weights through which gradients pass; then the data have their way. The paper tells of a 1/t
    schedule without its constant, and the authors' program has none; here the weight is a half after 1000 updates.

    Parameters
    ----------
    weight : float
        At the first update.
    step : int
        Updates made before this one.

    Examples
    --------
    >>> decayed(4.0, 0), decayed(4.0, 1000), decayed(4.0, 9000)
    (4.0, 2.0, 0.4)
    """
    return weight / (1 + step / _HALF)


def check_omega(weight: float, cell: Cell, truncation: Truncation) -> float:
    """Omega's weight, if these have an Omega.

    Raises
    ------
    ArgumentError
        The weight is not a finite number of 0 or above; or it is above 0 and the cell has other paths back in time
        than W_hh, or the truncation sweeps no adjoint.
    """
    weight = at_least_zero("omega", weight, 4.0)
    if weight and cell.direct:
        raise ArgumentError(
            f"omega={weight:g} found with cell {cell.name}; expected the plain RNN, or a Cell made with direct=False: one "
            "whose only path back in time is W_hh. Use cell='rnn', or omega=0."
        )
    if weight and truncation.window(sys.maxsize) is not None:
        raise ArgumentError(
            f"omega={weight:g} found with truncation {truncation}; expected full or chunk, whose sweep carries dE/dh "
            "from step to step. Use Full() or Chunk(k), or omega=0."
        )
    return weight


def find_terms(
    da: Array, dy: Array, weight_hh: Array, cut: Array, lengths: Array, workspace: Workspace
) -> Terms:
    """The terms of one layer after one reverse sweep.

    Parameters
    ----------
    da : (T, B, GATES, H)
        Gradients of what W_hh makes, as the sweep leaves them; 0 beyond a sequence's end.
    dy : (T, B, H)
        dE/dh of each step, from above. The last state has no gradient of its own.
    weight_hh : (GATES * H, H)
    cut : (T, B) of bool, or (0, 0) for none
        Where true, no gradient crosses from the step to the state that entered it.
    lengths : (B,) of int
    """
    T, B, H = dy.shape
    rows = (T - 1) * B
    later = da[1:].reshape(rows, len(weight_hh))
    back = workspace.multiply(later, weight_hh, workspace.empty("omega back", (rows, H), da.dtype))
    passed = back.reshape(T - 1, B, H)
    crosses = np.arange(1, T)[:, None] < lengths
    if cut.size:
        crosses &= ~cut[1:]
        passed = np.where(cut[1:, :, None], 0, passed)
    deltas = workspace.empty("omega delta", (T - 1, B, H), da.dtype)
    np.copyto(deltas, dy[1:])
    deltas[:-1] += passed[1:]
    delta = deltas.reshape(rows, H)

    with np.errstate(all="ignore"):  # what is not finite is the gradient's own trouble, and found there
        before, after = _norms(delta), _norms(back)
        floats = np.finfo(da.dtype)
        counts = crosses.ravel() & (before > floats.tiny / floats.eps)
        ratio = np.divide(after, before, out=np.ones(rows), where=counts)
        # d ratio / dW is the product of these two, the second a unit vector: no scale of the gradient is left.
        shares = np.divide(1, before, out=np.zeros(rows), where=counts)
        slopes = np.divide(2 * (ratio - 1), after, out=np.zeros(rows), where=counts & (after >= floats.tiny))
        scaled = workspace.empty("omega scaled", later.shape, da.dtype)
        np.multiply(later, shares[:, None].astype(da.dtype), out=scaled)
        back *= slopes[:, None].astype(da.dtype)
        gradient = workspace.multiply(scaled.T, back, np.empty(weight_hh.shape, da.dtype))
        return Terms(float(np.square(ratio - 1).sum()), int(counts.sum()), gradient)


def add_omega(weight: float, found: Mapping[str, Terms], grads: Mapping[str, Array]) -> float:
    """Add weight * dOmega/dW_hh to the gradients of the same names; return Omega itself, without the weight."""
    value = 0.0
    for name, terms in found.items():
        if terms.number:
            value += terms.total / terms.number
            grads[name][...] += grads[name].dtype.type(weight / terms.number) * terms.gradient
    return value


def _norms(rows: Array) -> Array:
    """Euclidean norms of rows, in float64, whatever their magnitude."""
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    scaled = rows / np.where(largest > 0, largest, 1)[:, None]
    norms: Array = largest * np.sqrt(np.einsum("ij,ij->i", scaled, scaled, dtype=np.float64))
    return norms
