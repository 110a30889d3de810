"""Norms over the whole range of floats, and clips that do what they report."""

import math
from typing import Any

import numpy as np
import pytest

from throughtime.errors import ArgumentError, DtypeError
from throughtime.machine.arrays import Array
from throughtime.optim import ClipNorm, ClipResult, ClipValue, global_norm

CLIPS = pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipValue(1.0)])


def some_grads(dtype: str, size: float = 1.0) -> dict[str, Array]:
    """Arrays of either order, shorter and longer than the partial sums, of Euclidean norm `size` * norm at 1."""
    rng = np.random.default_rng(2)
    shapes = {"weight": (9, 11), "bias": (3,), "long": (200,)}
    grads = {name: (size * rng.standard_normal(shape)).astype(dtype) for name, shape in shapes.items()}
    grads["weight"] = np.asfortranarray(grads["weight"])
    return grads


def norm_by_formula(grads: dict[str, Array]) -> float:
    flat = np.concatenate([grad.ravel() for grad in grads.values()]).astype(np.longdouble)
    return float(np.sqrt((flat**2).sum()))


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1.0, 1e20, 1e30])
def test_norm_is_right_at_every_magnitude_of_float32(size: float) -> None:
    grads = some_grads("float32", size)
    assert global_norm(grads) == pytest.approx(norm_by_formula(grads), rel=1e-14, abs=0)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-120, 1.0, 1e160, 1e300])
def test_norm_is_right_at_every_magnitude_of_float64(size: float) -> None:
    grads = some_grads("float64", size)
    assert global_norm(grads) == pytest.approx(global_norm(some_grads("float64")) * size, rel=1e-13, abs=0)


def test_norm_joins_very_different_magnitudes() -> None:
    grads = {"large": np.array([3e200]), "small": np.array([1e-200]), "also": np.array([4e200])}
    assert global_norm(grads) == pytest.approx(5e200, rel=1e-15)


def test_norm_of_nothing_is_zero() -> None:
    assert global_norm({}) == 0
    assert global_norm({"weight": np.zeros((2, 3)), "empty": np.empty((0, 3))}) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@CLIPS
def test_a_gradient_that_is_not_finite_is_reported_and_left_untouched(
    clip: Any, dtype: str, bad: float
) -> None:
    for name, place in (("long", 0), ("long", -1), ("bias", 1)):
        grads = some_grads(dtype, 10)
        grads[name][place] = bad
        before = {key: grad.copy() for key, grad in grads.items()}
        result = clip.apply(grads)
        assert not math.isfinite(result.norm)
        assert not result.clipped
        for key, grad in grads.items():
            np.testing.assert_array_equal(grad, before[key])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm_clipping_scales_every_gradient_alike(dtype: str) -> None:
    grads, before = some_grads(dtype), some_grads(dtype)
    norm = norm_by_formula(before)
    result = ClipNorm(norm / 4).apply(grads)
    assert result.norm == pytest.approx(norm, rel=1e-14)
    assert result.clipped
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, before[name] / 4, rtol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e30), ("float32", 2e38), ("float64", 1e300)])
def test_norm_clipping_works_on_exploding_gradients(dtype: str, size: float) -> None:
    grads = {"weight": np.full((50, 50), size, dtype)}
    result = ClipNorm(1.0).apply(grads)
    assert result.norm == pytest.approx(50 * size, rel=1e-6)
    np.testing.assert_allclose(grads["weight"], 1 / 50, rtol=1e-6)


def test_norm_clipping_starts_at_theta() -> None:
    grads = {"weight": np.array([3.0, 4.0])}
    assert ClipNorm(5.000001).apply(grads) == ClipResult(5.0, clipped=False)
    assert ClipNorm(5.0).apply(grads) == ClipResult(5.0, clipped=True)
    assert grads["weight"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_clipping_clamps_each_element(dtype: str) -> None:
    grads, before = some_grads(dtype, 2), some_grads(dtype, 2)
    result = ClipValue(0.75).apply(grads)
    assert result.norm == pytest.approx(norm_by_formula(before), rel=1e-14)
    assert result.clipped
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, np.clip(before[name], -0.75, 0.75))


def test_value_clipping_tells_whether_it_changed_anything() -> None:
    at_the_limit = {"weight": np.array([1.0, -1.0, 0.0])}
    assert not ClipValue(1.0).apply(at_the_limit).clipped
    for element in (1.0001, -1.0001):
        assert ClipValue(1.0).apply({"fine": np.zeros(2), "weight": np.array([0.0, element])}).clipped


@pytest.mark.parametrize("limit", [0, -1.0, math.inf, math.nan, None, "1"])
def test_a_limit_that_is_not_above_zero_is_refused(limit: Any) -> None:
    with pytest.raises(ArgumentError, match=r"theta is .*; expected a finite number above 0"):
        ClipNorm(limit)
    with pytest.raises(ArgumentError, match=r"value is .*; expected a finite number above 0"):
        ClipValue(limit)


@CLIPS
def test_a_gradient_that_cannot_be_clipped_in_place_is_named(clip: Any) -> None:
    with pytest.raises(ArgumentError, match="gradient 'weight' has strides"):
        clip.apply({"weight": np.ones((4, 4))[:, ::2]})
    with pytest.raises(DtypeError, match="gradient 'weight' is of int64"):
        clip.apply({"weight": np.ones(3, np.int64)})


@CLIPS
def test_a_limit_that_is_fixed_has_no_state(clip: Any) -> None:
    assert clip.state == {}
    clip.load({})
    with pytest.raises(ArgumentError, match=r"holds mean; expected nothing"):
        clip.load({"mean": 1.0})


def test_a_clip_says_what_it_does() -> None:
    assert [str(ClipNorm(1)), str(ClipNorm(0.25)), str(ClipValue(5.0))] == ["norm 1", "norm 0.25", "value 5"]
