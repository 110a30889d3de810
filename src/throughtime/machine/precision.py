"""In which precision products are made: the operands' own, or bfloat16 on the processor's matrix tiles.

With bfloat16 only the operands of products are rounded. Weights, states, gates, gradients and sums stay in float32, and
cells and sweeps know nothing of it. One thread, a whole step of a word LSTM of 200 units: 87 ms in float32, 32 here.
"""

import functools
import warnings
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.amx.permission import available
from throughtime.machine.amx.products import multiply, pack, product
from throughtime.machine.arrays import Array
from throughtime.machine.processor import has_features
from throughtime.machine.products import FULL, WORTH_A_LAYOUT, Products, Recurrence, Room

PRECISIONS = ("full", "bf16")

NO_BF16 = (
    "precision bf16 cannot be had here: it needs a processor with AMX, a Linux that grants it, and the compiler set for "
    "this processor (no NUMBA_CPU_NAME); products are made in float32."
)
"""What is to be said once where `has_bf16` is false."""

# Multiply-adds: below, the 10 us that a call of the tiles' product takes are more than it saves.
_WORTH_A_CALL = 1 << 21

BF16 = Recurrence(
    "bf16",
    product,
    lambda weight, room: pack(weight.T),
    lambda weight, room: pack(weight),
)


class Bfloat16:
    """Products of bfloat16 operands, for float32 arrays; small ones, and a recurrence of few steps, in float32."""

    def multiply(self, a: Array, b: Array, out: Array, room: Room) -> Array:
        if out.size * len(b) < _WORTH_A_CALL:
            return FULL.multiply(a, b, out, room)
        if out.flags.c_contiguous:
            return multiply(a, b, out)
        multiply(b.T, a.T, out.T)  # a one-hot weight's gradient lies in Fortran's order
        return out

    def recurrence(self, steps: int, dtype: Any) -> Recurrence:
        return BF16 if steps >= WORTH_A_LAYOUT else FULL.recurrence(steps, dtype)

    def of_rows(self) -> Recurrence:
        return BF16


def has_bf16() -> bool:
    """Whether this processor and system have products of bfloat16; nothing of them is compiled where they have not."""
    return has_features("amx-bf16", "avx512bf16") and available()


@functools.cache
def warn_of_float32() -> None:
    """Warn once in a process that products are in float32 after all."""
    warnings.warn(NO_BF16, stacklevel=3)


def products_of(precision: str, dtype: Any) -> Products:
    """The products for a model of this type; those in full where the processor has no others.

    Raises
    ------
    ArgumentError
        There is no such precision, or the model is not of float32.
    """
    require_precision(precision, dtype)
    return Bfloat16() if precision == "bf16" and has_bf16() else FULL


def require_precision(precision: str, dtype: Any = np.float32) -> str:
    """The precision, if there is one of this name for a model of this type.

    Raises
    ------
    ArgumentError
        There is none.
    """
    if precision not in PRECISIONS:
        raise ArgumentError(
            f"precision {precision!r} found; expected one of {', '.join(PRECISIONS)}. Use 'full' for the model's own type."
        )
    if precision == "bf16" and np.dtype(dtype) != np.float32:
        raise ArgumentError(
            f"precision 'bf16' found with a model of {np.dtype(dtype)}; expected one of float32, whose weights it leaves as "
            "they are. Make the model with dtype='float32', or use precision='full'."
        )
    return precision
