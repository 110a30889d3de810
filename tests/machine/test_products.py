import numpy as np
import pytest

from throughtime.machine.products import (
    WORTH_A_COPY,
    blas,
    multiply,
    multiply_row,
    pack_backward,
    pack_forward,
)


@pytest.mark.parametrize("steps", [1, WORTH_A_COPY])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_packed_weights_multiply_as_a_sweep_needs_them(dtype, steps):
    rng = np.random.default_rng(0)
    weight = np.asfortranarray(rng.standard_normal((8, 4)).astype(dtype))
    h, da = rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal((3, 8)).astype(dtype)
    forward, backward = np.empty((3, 8), dtype), np.empty((3, 4), dtype)
    blas(h, pack_forward(weight, steps), forward)
    blas(da, pack_backward(weight), backward)
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(forward, h @ weight.T, atol=tolerance)
    np.testing.assert_allclose(backward, da @ weight, atol=tolerance)


def test_packing_copies_only_what_is_laid_out_otherwise():
    weight = np.ones((8, 4))
    assert pack_forward(weight, WORTH_A_COPY).flags.c_contiguous
    assert np.shares_memory(pack_forward(weight, 1), weight)
    assert np.shares_memory(pack_backward(weight), weight)


def test_multiply_writes_into_out_and_returns_it():
    a, b, out = np.ones((2, 3)), np.ones((4, 3)), np.full((2, 4), np.nan)
    assert multiply(a, b.T, out) is out
    assert (out == 3).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("K", "N"), [(1, 1), (3, 40), (4, 7), (9, 33), (0, 3)])
def test_multiply_row_multiplies_by_every_row_of_the_weights(dtype, K, N):
    rng = np.random.default_rng(0)
    x, w, out = (
        rng.standard_normal(K).astype(dtype),
        rng.standard_normal((K, N)).astype(dtype),
        np.full(N, np.nan, dtype),
    )
    multiply_row(x, w, out)
    np.testing.assert_allclose(out, x @ w, atol=10 * np.finfo(dtype).eps)
