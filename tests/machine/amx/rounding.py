"""What a product of rounded operands must be, by NumPy alone."""

import numpy as np


@np.errstate(invalid="ignore")  # a signalling NaN says so when it is converted
def halves(x):
    """bfloat16's bits: nearest, ties to even, by comparing the two neighbours in float64; NaN stays NaN, denormals are 0."""
    x = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(0), x)
    low = (x.view(np.uint32) >> 16).astype(np.uint16)  # towards zero
    high = low + np.uint16(1)
    exact = np.abs(x.astype(np.float64))
    below, above = (np.abs(widened(bits)) for bits in (low, high))
    # For rounding, what follows the largest number is the next power of two, not infinity.
    above = np.where(np.isinf(above), 2.0**128, above)
    up = (exact - below > above - exact) | ((exact - below == above - exact) & (low & 1 == 1))
    bits = np.where(up & np.isfinite(x), high, low)
    return np.where(np.isnan(x), np.uint16(0x7FC0), bits).astype(np.uint16)


def widened(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def rounded(x):
    return widened(halves(x))


def assert_is_product(out, a, b):
    """`out` is the float64 product of rounded operands, but for float32's rounding of the sums.

    A tile adds 16 pairs in a chain for even k and one for odd k, adds the two, and that to the sum so far: the terms go
    through at most 16 + 1 + K / 32 roundings of half an eps.
    """
    a, b = rounded(a), rounded(b)
    roundings = 17 + -(-a.shape[1] // 32)
    bound = roundings * np.finfo(np.float32).eps / 2 * (np.abs(a) @ np.abs(b))
    error = np.abs(out - a @ b)
    assert out.shape == error.shape
    assert (error <= bound).all(), f"error {error.max():.3g}, {(error / bound).max():.3g} of its bound"
