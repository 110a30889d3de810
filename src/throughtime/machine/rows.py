"""Rows of a table: gathered by id, and gradients added back to them."""

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
