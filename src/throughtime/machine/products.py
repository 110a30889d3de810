"""Matrix products: the recurrence's, inside compiled sweeps, and the large ones outside time.

The recurrence multiplies a few rows by the same weights at every step. `pack_forward` and `pack_backward` lay the
weights out once per sweep as the product wants them, so that a faster product changes this file alone.
"""

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.machine.streams import wide

WORTH_A_COPY = 8  # steps


@compiled
def blas(a: Array, w: Array, out: Array) -> None:
    """out = a @ w, inside compiled code: 0.06 to 0.4 us a call besides the product."""
    np.dot(a, w, out)


@compiled
def multiply_row(x: Array, w: Array, out: Array) -> None:
    """out (N,) = x (K,) @ w (K, N), inside compiled code: as fast as BLAS, and without its 0.2 us a call."""
    wide()
    K, N = w.shape
    for j in range(N):
        out[j] = 0
    whole = K // 4 * 4
    for k in range(
        0, whole, 4
    ):  # row by row, `out` would be read and written as often as the weights are read
        w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        for j in range(N):
            out[j] = out[j] + x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j]
    for k in range(whole, K):
        for j in range(N):
            out[j] += x[k] * w[k, j]


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
