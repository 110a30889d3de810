import numpy as np
import pytest

from throughtime.machine.tiles import (
    ROWS,
    WIDTH,
    lay_out,
    lay_out_turned,
    multiply_panels,
    panels,
)

pytestmark = pytest.mark.kernels


def in_panels(w):
    out = np.full((panels(w.shape[1]), len(w), WIDTH), np.nan, np.float32)
    lay_out(w, out)
    return out


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("M", [1, 2, 3, 4, 5, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1, 50])
@pytest.mark.parametrize(
    ("K", "N"), [(1, 1), (7, WIDTH), (8, WIDTH - 1), (33, WIDTH + 1), (64, 3 * WIDTH - 5)]
)
def test_product_is_right_to_rounding(M, K, N):
    a, w, out = drawn(M, K), drawn(K, N, seed=1), np.full((M, N), np.nan, np.float32)
    multiply_panels(a, in_panels(w), out)
    size = np.abs(a).astype(float) @ np.abs(w)
    assert (np.abs(out - a.astype(float) @ w) <= K * np.finfo(np.float32).eps * size).all()


@pytest.mark.parametrize(("M", "K", "N"), [(0, 3, 4), (3, 0, 4), (3, 4, 0)])
def test_nothing_is_multiplied(M, K, N):
    out = np.full((M, N), np.nan, np.float32)
    multiply_panels(drawn(M, K), in_panels(drawn(K, N)), out)
    assert (out == 0).all()


def test_nothing_is_written_beside_the_product():
    whole = np.full((ROWS + 4, WIDTH + 24), np.nan, np.float32)
    out = whole[2 : ROWS + 2, 5 : WIDTH + 12]
    multiply_panels(drawn(*(ROWS, 6)), in_panels(drawn(6, WIDTH + 7)), out)
    assert np.isfinite(out).all()
    assert np.isfinite(whole).sum() == out.size


def test_rows_may_lie_apart():
    a, w, out = drawn(9, 40)[:, 3:20], drawn(17, 21, seed=1), np.empty((9, 21), np.float32)
    multiply_panels(a, in_panels(w), out)
    np.testing.assert_allclose(out, a @ w, rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_stays_so():
    a, w = drawn(3, 5), drawn(5, WIDTH + 2, seed=1)
    a[1, 2], w[4, WIDTH] = np.nan, np.inf
    out = np.empty((3, WIDTH + 2), np.float32)
    multiply_panels(a, in_panels(w), out)
    assert np.isnan(out[1]).all()
    assert np.isinf(out[[0, 2], WIDTH]).all()
    assert np.isfinite(np.delete(out[[0, 2]], WIDTH, axis=1)).all()


@pytest.mark.parametrize(("K", "N"), [(1, 1), (15, WIDTH), (16, WIDTH + 1), (40, 2 * WIDTH - 1)])
def test_layouts_of_weights_and_of_turned_weights_agree(K, N):
    w = drawn(K, N)
    turned = np.full((panels(N), K, WIDTH), np.nan, np.float32)
    lay_out_turned(np.ascontiguousarray(w.T), turned)
    np.testing.assert_array_equal(turned, in_panels(w))
    flat = turned.transpose(1, 0, 2).reshape(K, -1)
    np.testing.assert_array_equal(flat[:, :N], w)
    assert (flat[:, N:] == 0).all()
