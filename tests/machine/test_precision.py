import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.machine import precision
from throughtime.machine.precision import Bfloat16, has_bf16, products_of
from throughtime.machine.products import AS_IT_LIES, FULL
from throughtime.machine.workspace import Workspace

needs_tiles = pytest.mark.skipif(not has_bf16(), reason="the processor has no products of bfloat16")
FLOAT32 = np.dtype(np.float32)


def test_full_precision_is_the_operands_own():
    assert products_of("full", FLOAT32) is FULL
    assert products_of("full", np.float64) is FULL


def test_bf16_is_full_precision_where_the_processor_has_none(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    assert products_of("bf16", FLOAT32) is FULL


@pytest.mark.parametrize(
    ("name", "dtype", "found"),
    [("fp8", FLOAT32, "precision 'fp8' found; expected one of full, bf16"), ("bf16", np.float64, "float64")],
)
def test_what_is_no_precision_for_a_model_is_refused(name, dtype, found):
    with pytest.raises(ArgumentError, match=found):
        products_of(name, dtype)


@needs_tiles
def test_operands_are_rounded_and_sums_are_not():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((150, 130), (130, 140)))
    found = Workspace(products_of("bf16", FLOAT32)).multiply(a, b, np.empty((150, 140), np.float32))
    exact = a.astype(float) @ b
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 2**-8


@needs_tiles
def test_small_products_and_few_steps_stay_in_float32():
    products, a, b = Bfloat16(), np.ones((4, 3), np.float32), np.ones((3, 5), np.float32)
    a /= 3  # no bfloat16
    found = products.multiply(a, b, np.empty((4, 5), np.float32), Workspace())
    np.testing.assert_array_equal(found, FULL.multiply(a, b, np.empty_like(found), Workspace()))
    assert products.recurrence(1, FLOAT32) is AS_IT_LIES
    assert products.recurrence(50, FLOAT32).name == "bf16"


@needs_tiles
def test_products_may_lie_in_either_order():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((150, 130), (130, 140)))
    rows, columns = (np.empty((150, 140), np.float32, order=order) for order in "CF")
    for out in (rows, columns):
        assert Bfloat16().multiply(a, b, out, Workspace()) is out
    np.testing.assert_array_equal(rows, columns)


@needs_tiles
def test_parts_of_a_workspace_have_its_products():
    workspace = Workspace(Bfloat16())
    assert workspace.part("a").part("b").products is workspace.products
