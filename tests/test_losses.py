"""Each loss against its formula in plain NumPy float64, its gradient against central differences and PyTorch."""

import math
from typing import Any

import numpy as np
import pytest

from throughtime.errors import ArgumentError, DtypeError, ShapeError, TokenError
from throughtime.losses import (
    IGNORED,
    Loss,
    count_targets,
    logistic,
    losses,
    softmax_cross_entropy,
    squared_error,
)
from throughtime.machine.arrays import Array

# A float32 exponential is right to 2e-7; sums and products add little to it.
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def softmax_by_formula(logits: Array, targets: Array, scale: float) -> tuple[float, Array]:
    """-log p[target] and scale * (p - onehot), row by row."""
    loss, gradient = 0.0, np.zeros(logits.shape)
    for n, target in enumerate(targets):
        if target == IGNORED:
            continue
        shifted = logits[n].astype(np.float64) - logits[n].max()
        p = np.exp(shifted) / np.exp(shifted).sum()
        loss -= shifted[target] - np.log(np.exp(shifted).sum())
        gradient[n] = p
        gradient[n, target] -= 1
    return loss, scale * gradient


def examples(
    rng: np.random.Generator, N: int, V: int, dtype: str, spread: float = 3.0
) -> tuple[Array, Array]:
    logits = (spread * rng.standard_normal((N, V))).astype(dtype)
    targets = rng.integers(0, V, N)
    targets[1::3] = IGNORED
    return logits, targets


@DTYPES
@pytest.mark.parametrize("V", [1, 2, 7, 8, 9, 15, 65, 130])
def test_softmax_equals_the_formula(V: int, dtype: str) -> None:
    logits, targets = examples(np.random.default_rng(V), 5, V, dtype)
    expected_loss, expected = softmax_by_formula(logits, targets, scale=0.25)
    loss, count = softmax_cross_entropy(logits, targets, scale=0.25)
    assert count == 3
    assert loss == pytest.approx(expected_loss, rel=TOLERANCE[dtype], abs=TOLERANCE[dtype])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("V", [1023, 1024, 8003])
def test_softmax_equals_the_formula_for_long_rows(V: int, dtype: str) -> None:
    logits, targets = examples(np.random.default_rng(V), 4, V, dtype)
    expected_loss, expected = softmax_by_formula(logits, targets, scale=1.0)
    loss, _ = softmax_cross_entropy(logits, targets, scale=1.0)
    assert loss == pytest.approx(expected_loss, rel=TOLERANCE[dtype])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("target_dtype", ["int32", "int64"])
def test_softmax_takes_either_integer(target_dtype: str) -> None:
    logits = np.zeros((2, 4))
    loss, count = softmax_cross_entropy(logits, np.array([0, 3], target_dtype), scale=1.0)
    assert loss == pytest.approx(2 * math.log(4), rel=1e-15)
    assert count == 2


@pytest.mark.parametrize("place", [0, 5, 63, 64, 69])
@pytest.mark.parametrize("offset", [-1e4, -3.0, 0.0, 1e4])
@DTYPES
def test_softmax_finds_the_largest_logit_wherever_it_is(place: int, offset: float, dtype: str) -> None:
    logits = np.full((1, 70), offset, dtype)
    logits[0, place] += 200  # exp(200) overflows float32: only the true maximum may be subtracted
    loss, _ = softmax_cross_entropy(logits, np.array([place]), scale=1.0)
    assert loss == pytest.approx(0, abs=1e-30)
    assert np.abs(logits).max() < 1e-30


def test_softmax_of_negative_logits_is_right_in_both_types() -> None:
    for dtype in ("float32", "float64"):
        logits = np.array([[-1.0, -2.0, -0.5, -300.0]], dtype)
        expected_loss, expected = softmax_by_formula(logits, np.array([1]), 1.0)
        loss, _ = softmax_cross_entropy(logits, np.array([1]), 1.0)
        assert loss == pytest.approx(expected_loss, rel=TOLERANCE[dtype])
        np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("V", [3, 70])
@pytest.mark.parametrize("bad", [math.nan, -math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_softmax_loss_is_not_finite_if_a_logit_is_not(V: int, bad: float, place: int, dtype: str) -> None:
    logits = np.random.default_rng(0).standard_normal((2, V)).astype(dtype)
    logits[1, place] = bad
    with np.errstate(all="ignore"):
        loss, _ = softmax_cross_entropy(logits, np.array([0, 1]), scale=1.0)
    assert not math.isfinite(loss)
    assert not np.isfinite(logits[1]).all()
    assert np.isfinite(logits[0]).all()


@DTYPES
def test_softmax_takes_minus_infinity_for_a_probability_of_zero(dtype: str) -> None:
    logits = np.array([[0.0, -math.inf, 0.0]], dtype)
    loss, _ = softmax_cross_entropy(logits, np.array([0]), scale=1.0)
    assert loss == pytest.approx(math.log(2), rel=TOLERANCE[dtype])
    np.testing.assert_allclose(logits, [[-0.5, 0, 0.5]], rtol=0, atol=TOLERANCE[dtype])
    impossible = np.array([[0.0, -math.inf, 0.0]], dtype)
    assert softmax_cross_entropy(impossible, np.array([1]), scale=1.0)[0] == math.inf


@DTYPES
def test_softmax_ignores_rows_entirely(dtype: str) -> None:
    logits, targets = examples(np.random.default_rng(3), 6, 9, dtype)
    logits[targets == IGNORED] = math.nan  # padding may hold anything
    loss, count = softmax_cross_entropy(logits, targets, scale=1.0)
    assert math.isfinite(loss)
    assert count == 4
    assert (logits[targets == IGNORED] == 0).all()
    assert not (logits[targets != IGNORED] == 0).all(axis=1).any()


@DTYPES
def test_all_ignored_is_no_loss_and_no_gradient(dtype: str) -> None:
    for loss in (softmax_cross_entropy, logistic):
        logits = np.ones((3, 4), dtype)
        targets = np.full(3, IGNORED) if loss is softmax_cross_entropy else np.full((3, 4), IGNORED, dtype)
        assert loss(logits, targets, 1.0) == (0.0, 0)
        assert (logits == 0).all()


def test_no_rows_are_no_loss() -> None:
    assert softmax_cross_entropy(np.empty((0, 4)), np.empty(0, np.int64), 1.0) == (0.0, 0)
    assert squared_error(np.empty((0, 4)), np.empty((0, 4)), 1.0) == (0.0, 0)


def test_softmax_gradient_equals_central_differences() -> None:
    logits, targets = examples(np.random.default_rng(4), 4, 6, "float64")
    gradient = logits.copy()
    softmax_cross_entropy(gradient, targets, scale=1.0)
    for n, v in np.ndindex(*logits.shape):
        sides = []
        for step in (1e-5, -1e-5):
            moved = logits.copy()
            moved[n, v] += step
            sides.append(softmax_cross_entropy(moved, targets, scale=1.0)[0])
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(gradient[n, v], abs=1e-8)


@DTYPES
def test_softmax_equals_pytorch(torch: Any, dtype: str) -> None:
    logits, targets = examples(np.random.default_rng(5), 30, 200, dtype)
    theirs = torch.tensor(logits, requires_grad=True)
    their_loss = torch.nn.functional.cross_entropy(theirs, torch.tensor(targets), ignore_index=IGNORED)
    their_loss.backward()
    count = count_targets(targets)
    loss, counted = softmax_cross_entropy(logits, targets, scale=1 / count)
    assert counted == count
    assert loss / count == pytest.approx(their_loss.item(), rel=TOLERANCE[dtype])
    np.testing.assert_allclose(logits, theirs.grad.numpy(), rtol=0, atol=TOLERANCE[dtype] / 10)


@DTYPES
def test_softmax_gives_the_same_bits_again(dtype: str) -> None:
    logits, targets = examples(np.random.default_rng(6), 20, 1500, dtype)
    first, second = logits.copy(), np.empty((21, 1500), dtype)[1:]  # elsewhere in memory, otherwise aligned
    second[:] = logits
    assert softmax_cross_entropy(first, targets, 0.1) == softmax_cross_entropy(second, targets, 0.1)
    assert first.tobytes() == second.tobytes()


def test_softmax_loss_is_summed_in_float64() -> None:
    # In float32 the sum of 4000 equal losses would be off by about 1e-5 of itself.
    logits = np.zeros((4000, 3), np.float32)
    loss, _ = softmax_cross_entropy(logits, np.zeros(4000, np.int64), 1.0)
    assert loss == pytest.approx(4000 * math.log(3), rel=2e-7)


@pytest.mark.parametrize("bad", [-1, -99, -101, 5, 2**31 - 1])
def test_softmax_names_a_target_outside_the_vocabulary(bad: float) -> None:
    logits = np.ones((3, 5), np.float32)
    with pytest.raises(TokenError, match=rf"target {bad} at position 2 is outside .* from 0 to 4, or -100"):
        softmax_cross_entropy(logits, np.array([0, IGNORED, bad], np.int32), 1.0)
    assert (logits == 1).all()


@DTYPES
def test_squared_error_equals_the_formula(dtype: str) -> None:
    rng = np.random.default_rng(7)
    outputs, targets = rng.standard_normal((2, 5, 3)).astype(dtype)
    expected = ((outputs.astype(np.float64) - targets) ** 2).sum()
    gradient = 0.5 * 2 * (outputs - targets)
    loss, count = squared_error(outputs, targets, scale=0.5)
    assert count == 15
    assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
    np.testing.assert_allclose(outputs, gradient, rtol=TOLERANCE[dtype])


def test_squared_error_takes_transposed_targets_and_any_number() -> None:
    outputs, targets = np.zeros((2, 3)), np.full((3, 2), float(IGNORED)).T
    targets[0, 0] = 1
    assert squared_error(outputs, targets, 1.0) == (1 + 5 * 100**2, 6)
    assert outputs[0].tolist() == [-2, 200, 200]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_squared_error_and_logistic_are_not_finite_if_an_output_is_not(bad: float) -> None:
    for loss in (squared_error, logistic):
        for target in (0.0, 0.3, 1.0):
            with np.errstate(all="ignore"):
                found, _ = loss(np.array([[0.5, bad]]), np.array([[1.0, target]]), 1.0)
            assert not math.isfinite(found), (loss.__name__, bad, target)


@DTYPES
def test_logistic_equals_the_formula(dtype: str) -> None:
    rng = np.random.default_rng(8)
    logits = (4 * rng.standard_normal((6, 5))).astype(dtype)
    targets = rng.random((6, 5)).astype(dtype)
    targets[0] = [0, 1, IGNORED, IGNORED, 0]
    counted = targets != IGNORED
    x, t = logits.astype(np.float64), targets
    p = 1 / (1 + np.exp(-x))
    expected_loss = -(t * np.log(p) + (1 - t) * np.log(1 - p))[counted].sum()
    expected = np.where(counted, 0.5 * (p - t), 0)
    loss, count = logistic(logits, targets, scale=0.5)
    assert count == 28
    assert loss == pytest.approx(expected_loss, rel=TOLERANCE[dtype])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[dtype])
    assert (logits[~counted] == 0).all()


@DTYPES
def test_logistic_does_not_overflow(dtype: str) -> None:
    logits = np.array([[1e4, -1e4, 1e4, -1e4]], dtype)
    loss, _ = logistic(logits, np.array([[1, 0, 0, 1]], dtype), scale=1.0)
    assert loss == pytest.approx(2e4, rel=1e-7)
    np.testing.assert_allclose(logits, [[0, 0, 1, -1]], rtol=0, atol=2e-7)


@pytest.mark.parametrize("bad", [1.01, -0.01, math.nan, -99.0])
def test_logistic_names_a_target_that_is_no_probability(bad: float) -> None:
    with pytest.raises(ArgumentError, match=r"target .* at element 1 is not a probability"):
        logistic(np.zeros((1, 2)), np.array([[0.0, bad]]), 1.0)


def test_arrays_that_do_not_fit_are_named() -> None:
    ids = np.zeros(2, np.int64)
    with pytest.raises(ShapeError, match=r"logits has shape \(2, 3, 4\)"):
        softmax_cross_entropy(np.zeros((2, 3, 4)), ids, 1.0)
    with pytest.raises(ShapeError, match=r"targets has shape \(2, 1\); expected \(2,\)"):
        softmax_cross_entropy(np.zeros((2, 3)), ids[:, None], 1.0)
    with pytest.raises(DtypeError, match="logits has dtype int64"):
        softmax_cross_entropy(np.zeros((2, 3), np.int64), ids, 1.0)
    with pytest.raises(DtypeError, match="targets has dtype float64"):
        softmax_cross_entropy(np.zeros((2, 3)), np.zeros(2), 1.0)
    with pytest.raises(ShapeError, match=r"targets has shape \(2,\); expected \(2, 3\)"):
        squared_error(np.zeros((2, 3)), np.zeros(2), 1.0)
    with pytest.raises(DtypeError, match="targets has dtype float64; expected float32"):
        logistic(np.zeros((2, 3), np.float32), np.zeros((2, 3)), 1.0)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, squared_error, logistic])
def test_outputs_that_cannot_be_overwritten_are_refused(loss: Loss) -> None:
    targets = np.zeros(2, np.int64) if loss is softmax_cross_entropy else np.zeros((2, 3))
    fixed = np.zeros((2, 3))
    fixed.flags.writeable = False
    for outputs in (fixed, np.zeros((3, 2)).T, np.zeros((2, 6))[:, ::2]):
        with pytest.raises(ArgumentError, match="read-only or not contiguous"):
            loss(outputs, targets, 1.0)


def test_count_targets_counts_what_each_loss_counts() -> None:
    targets = np.array([[0.0, IGNORED], [1.0, IGNORED]])
    assert [count_targets(targets, loss) for loss in losses] == [2, 4, 2]
    assert squared_error(np.zeros((2, 2)), targets, 1.0)[1] == 4
    with pytest.raises(ArgumentError, match="expected one of softmax, squared, logistic"):
        count_targets(targets, "hinge")


@pytest.mark.parametrize("name", losses)
@DTYPES
def test_a_bias_is_added_first_and_its_gradient_is_the_sum_over_the_rows(name: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    outputs, targets = examples(rng, 5, 9, dtype)
    wanted = targets if name == "softmax" else rng.random((5, 9)).astype(dtype)
    bias, dbias = rng.standard_normal(9).astype(dtype), np.full(9, np.nan, dtype)
    whole = outputs + bias
    expected = losses[name](whole, wanted, 0.5)
    found = losses[name](outputs, wanted, 0.5, bias, dbias)
    assert found == pytest.approx(expected, rel=TOLERANCE[dtype])
    np.testing.assert_allclose(outputs, whole, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(dbias, whole.sum(axis=0), atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("name", losses)
def test_a_bias_that_does_not_fit_is_refused(name: str) -> None:
    outputs = np.zeros((2, 3))
    wanted: Array = np.zeros(2, int) if name == "softmax" else np.zeros((2, 3))
    with pytest.raises(ShapeError, match=r"bias has shape \(4,\); expected \(3,\)"):
        losses[name](outputs, wanted, 1.0, np.zeros(4))
    with pytest.raises(DtypeError, match="dbias has dtype float32; expected float64"):
        losses[name](outputs, wanted, 1.0, None, np.zeros(3, np.float32))
