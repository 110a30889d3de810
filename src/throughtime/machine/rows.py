"""Rows of arrays: of a table, gathered by id, and gradients added back to them; sizes of a row, and its scale."""

import math
from typing import Any

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled, summing

# Partial sums, so that the sum vectorises with its order fixed.
_LANES = 64
# A sum of squares above this is exact to rounding: no square that matters has been lost below 1e-308.
_SAFE = 1e-250


@compiled
def gather_rows(table: Array, ids: Array, out: Array) -> None:
    """out[n] = table[ids[n]]."""
    for n in range(ids.size):
        row = table[ids[n]]
        for j in range(row.size):
            out[n, j] = row[j]


@compiled
def add_rows(rows: Array, ids: Array, table: Array) -> None:
    """table[ids[n]] += rows[n], every repetition of an id counted."""
    for n in range(ids.size):
        row = table[ids[n]]
        for j in range(row.size):
            row[j] += rows[n, j]


@compiled
def add_scaled_rows(rows: Array, scale: Any, ids: Array, table: Array) -> None:
    """table[ids[n]] += scale * rows[n], every repetition of an id counted."""
    for n in range(ids.size):
        row = table[ids[n]]
        for j in range(row.size):
            row[j] += scale * rows[n, j]


@summing
def sum_of_squares(row: Array) -> float:
    """The sum of row[j]^2, in the row's own type."""
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j] * row[j]
    return float(total)


def euclidean_norm(row: Array) -> float:
    """sqrt(sum of row[j]^2) in float64, of any magnitudes; NaN or infinite if an element is."""
    squares = float(_sum_of_squares_in_float64(row))
    if _SAFE < squares < math.inf or not row.size:
        return math.sqrt(squares)
    # Zero, not finite, or float64 so large or small that its squares are lost: scaled by the largest element.
    largest = float(np.abs(row).max())
    if not math.isfinite(largest) or largest == 0:
        return largest
    return largest * math.sqrt(float(np.square(row.astype(np.float64) / largest).sum()))


@compiled
def _sum_of_squares_in_float64(row: Array) -> float:
    """The sum of row[j]^2."""
    lanes = np.zeros(_LANES)
    whole = row.size // _LANES * _LANES
    for i in range(0, whole, _LANES):
        for lane in range(_LANES):
            x = np.float64(row[i + lane])
            lanes[lane] += x * x
    for i in range(whole, row.size):
        x = np.float64(row[i])
        lanes[i - whole] += x * x
    total = 0.0
    for lane in range(_LANES):
        total += lanes[lane]
    return total


@compiled
def largest_magnitude(row: Array) -> float:
    """max |row[j]|, of those that are numbers."""
    most = 0.0
    for j in range(row.size):
        magnitude = abs(float(row[j]))
        most = magnitude if magnitude > most else most
    return most


@summing
def count_below(row: Array, bound: float) -> int:
    """How many entries are not 0 and smaller in magnitude than `bound`."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    limit, count = row.dtype.type(bound), zero
    # A sum, as a branch would not be vectorised; in the row's own type, three times as fast as one of integers.
    for j in range(row.size):
        magnitude = abs(row[j])
        count += one if magnitude < limit and magnitude != zero else zero
    return int(count)


@compiled
def scale_row(row: Array, exponent: int) -> None:
    """row *= 2^exponent; what becomes too small is 0, and what becomes too large infinite."""
    # A factor of its own for 2^127 or 2^-127 would be no normal number, though a product with it may be.
    stride = 100 if row.itemsize == 4 else 1000
    left = min(max(exponent, -3 * stride), 3 * stride)
    while left != 0:
        part = min(max(left, -stride), stride)
        factor = row.dtype.type(np.ldexp(1.0, part))
        for j in range(row.size):
            row[j] *= factor
        left -= part
