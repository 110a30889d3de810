"""Rows of arrays: of a table, gathered by id, and gradients added back to them; sizes of a row, and its scale."""

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled


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
def sum_of_squares(row: Array) -> float:
    """The sum of row[j]^2, in the row's own type."""
    # A sum with one running total waits for each addition, and is not vectorised: eight totals do not wait.
    a = b = c = d = e = f = g = h = row.dtype.type(0)
    whole = row.size // 8 * 8
    for j in range(0, whole, 8):
        a += row[j] * row[j]
        b += row[j + 1] * row[j + 1]
        c += row[j + 2] * row[j + 2]
        d += row[j + 3] * row[j + 3]
        e += row[j + 4] * row[j + 4]
        f += row[j + 5] * row[j + 5]
        g += row[j + 6] * row[j + 6]
        h += row[j + 7] * row[j + 7]
    for j in range(whole, row.size):
        a += row[j] * row[j]
    return float(((a + b) + (c + d)) + ((e + f) + (g + h)))


@compiled
def largest_magnitude(row: Array) -> float:
    """max |row[j]|, of those that are numbers."""
    most = 0.0
    for j in range(row.size):
        magnitude = abs(float(row[j]))
        most = magnitude if magnitude > most else most
    return most


@compiled
def count_below(row: Array, bound: float) -> int:
    """How many entries are not 0 and smaller in magnitude than `bound`."""
    limit = row.dtype.type(bound)
    count = 0
    for j in range(row.size):
        magnitude = abs(row[j])
        count += (
            1 if magnitude < limit and magnitude != 0 else 0
        )  # a sum, as a branch would not be vectorised
    return count


@compiled
def scale_row(row: Array, exponent: int) -> None:
    """row *= 2^exponent; what becomes too small is 0."""
    if exponent == 0:
        return
    factor = row.dtype.type(np.ldexp(1.0, max(exponent, -2000)))
    for j in range(row.size):
        row[j] *= factor
