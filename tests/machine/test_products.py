import numpy as np
import pytest

from throughtime.machine.processor import float32_lanes
from throughtime.machine.products import AS_IT_LIES, FULL, PANELS, PLAIN, multiply_row
from throughtime.machine.workspace import Workspace

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize(
    ("recurrence", "dtype"),
    [
        (PLAIN, np.float32),
        (PLAIN, np.float64),
        (AS_IT_LIES, np.float32),
        (AS_IT_LIES, np.float64),
        (PANELS, np.float32),
    ],
)
def test_weights_laid_out_multiply_as_a_sweep_needs_them(recurrence, dtype):
    rng = np.random.default_rng(0)
    weight = np.asfortranarray(rng.standard_normal((8, 4)).astype(dtype))
    h, da = rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal((3, 8)).astype(dtype)
    forward, backward = np.empty((3, 8), dtype), np.empty((3, 4), dtype)
    recurrence.multiply(h, recurrence.forward(weight, Workspace()), forward)
    recurrence.multiply(da, recurrence.backward(weight, Workspace()), backward)
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(forward, h @ weight.T, atol=tolerance)
    np.testing.assert_allclose(backward, da @ weight, atol=tolerance)


def test_a_few_steps_are_not_worth_a_copy():
    weight = np.ones((8, 4))
    few = FULL.recurrence(1, weight.dtype)
    assert np.shares_memory(few.forward(weight, Workspace()), weight)
    assert np.shares_memory(few.backward(weight, Workspace()), weight)
    assert FULL.recurrence(100, weight.dtype).forward(weight, Workspace()).flags.c_contiguous


def test_the_product_follows_from_type_steps_and_processor():
    assert FULL.recurrence(100, np.dtype(np.float64)) is PLAIN
    assert FULL.recurrence(100, np.dtype(np.float32)) is (PANELS if float32_lanes() else PLAIN)
    assert FULL.recurrence(1, np.dtype(np.float32)) is AS_IT_LIES


def test_multiply_writes_into_out_and_returns_it():
    a, b, out = np.ones((2, 3)), np.ones((4, 3)), np.full((2, 4), np.nan)
    assert FULL.multiply(a, b.T, out, Workspace()) is out
    assert (out == 3).all()


@pytest.mark.parametrize("depth", [0, 1, 4, 5, 9])
@pytest.mark.parametrize("turned", [False, True])
def test_products_of_any_depth_are_right(depth, turned):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((7, depth), (depth, 67)))
    b = np.asfortranarray(b) if turned else b
    found = FULL.multiply(a, b, np.full((7, 67), np.nan, np.float32), Workspace())
    np.testing.assert_allclose(found, a.astype(float) @ b, atol=1e-5)
    strided = FULL.multiply(a.repeat(2, axis=0)[::2], b, np.empty((67, 7), np.float32).T, Workspace())
    np.testing.assert_allclose(strided, found, atol=1e-6)


@pytest.mark.parametrize("depth", [2, 9])
def test_types_may_differ(depth):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((7, depth)).astype(np.float32), rng.standard_normal((depth, 5))
    np.testing.assert_allclose(FULL.multiply(a, b, np.empty((7, 5)), Workspace()), a @ b, rtol=1e-15)


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
