"""Matrix products: the recurrence's, inside compiled sweeps, and the large ones outside time.

The recurrence multiplies a few rows by the same weights at every step. `pack_forward` and `pack_backward` lay the
weights out once per sweep as the product wants them, so that a faster product changes this file alone.
"""

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled

WORTH_A_COPY = 8  # steps


@compiled
def blas(a: Array, w: Array, out: Array) -> None:
    """out = a @ w, inside compiled code: 0.06 to 0.4 us a call besides the product."""
    np.dot(a, w, out)


def pack_forward(weight_hh: Array, steps: int) -> Array:
    """Lay out (G*H, H) for h @ weight_hh.T over so many steps."""
    # A transposed operand slows each skinny product a little; the copy that spares it costs as much as some steps.
    return np.ascontiguousarray(weight_hh.T) if steps >= WORTH_A_COPY else pack_backward(weight_hh).T


def pack_backward(weight_hh: Array) -> Array:
    """Lay out (G*H, H) for da @ weight_hh."""
    return np.ascontiguousarray(weight_hh)


def multiply(a: Array, b: Array, out: Array) -> Array:
    """out = a @ b, for products outside time; transposed views cost nothing."""
    return np.matmul(a, b, out=out)
