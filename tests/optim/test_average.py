"""The mean of the weights beside PyTorch's and a closed form, and the trigger beside the authors' rule."""

import json
import math
from typing import Any

import numpy as np
import pytest

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.optim import SGD, AveragedWeights, NonMonotone


def some_params(dtype: str, order: Any = "C") -> dict[str, Array]:
    rng = np.random.default_rng(4)
    shapes = {"weight": (5, 7), "bias": (70,), "scale": ()}
    return {
        name: np.asarray(rng.standard_normal(shape), dtype, order=order) for name, shape in shapes.items()
    }


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_equals_pytorchs_asgd(torch: Any, dtype: str, order: Any) -> None:
    start = 7  # PyTorch's share of step n, from 1, is 1/max(1, n - 1 - t0): its mean begins at n = t0 + 2
    params = some_params(dtype, order)
    tensors = {name: torch.nn.Parameter(torch.tensor(np.array(p, order="C"))) for name, p in params.items()}
    theirs = torch.optim.ASGD(tensors.values(), lr=0.1, lambd=0, alpha=0, t0=start)
    ours, averaged, rng = SGD(0.1), AveragedWeights(params), np.random.default_rng(5)
    for step in range(40):
        grads = {}
        for name, param in params.items():
            grads[name] = np.asarray(rng.standard_normal(param.shape), dtype, order=order)
            tensors[name].grad = torch.tensor(np.array(grads[name], order="C"))
        ours.step(params, grads)
        theirs.step()
        if step > start:
            averaged.update(params)
    assert averaged.count == 39 - start
    for name, mean in averaged.params.items():
        expected = theirs.state[tensors[name]]["ax"].numpy()
        tolerance = 1e-6 if dtype == "float32" else 1e-7  # PyTorch's shares 1/n are float32
        np.testing.assert_allclose(mean, expected, rtol=tolerance, atol=tolerance)


def test_the_mean_is_that_of_all_updates() -> None:
    values = np.random.default_rng(7).standard_normal((25, 3, 4))
    averaged = AveragedWeights({"weight": values[0]})
    for value in values:
        averaged.update({"weight": value.copy()})
    np.testing.assert_allclose(averaged.params["weight"], values.mean(axis=0), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_keeps_types_and_memory_orders(dtype: str, order: Any) -> None:
    params = some_params(dtype, order)
    averaged = AveragedWeights(params)
    averaged.update(params)
    for name, mean in averaged.params.items():
        assert mean.dtype == dtype
        assert mean.flags.f_contiguous == params[name].flags.f_contiguous
        np.testing.assert_array_equal(mean, params[name])
        assert not np.shares_memory(mean, params[name])


def test_weights_in_another_memory_order_are_averaged_rightly() -> None:
    params = some_params("float64")
    averaged = AveragedWeights(params)
    averaged.update({name: np.array(param, order="F") for name, param in params.items()})
    np.testing.assert_array_equal(averaged.params["weight"], params["weight"])


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_is_right_after_a_hundred_thousand_updates(dtype: str) -> None:
    # Weights that drift, from 1 to 1 + 1/1000: what rounding loses of each, it loses to the same side.
    n = 10**5
    params = {"weight": np.ones(1, dtype)}
    averaged = AveragedWeights(params)
    values = (1 + np.arange(n) / n / 1000).astype(dtype)
    for value in values:
        params["weight"][0] = value
        averaged.update(params)
    expected = math.fsum(values.tolist()) / n
    assert averaged.state["sum.weight"][0] / n == pytest.approx(
        expected, rel=0 if dtype == "float32" else 1e-11
    )
    assert averaged.params["weight"][0] == pytest.approx(expected, rel=1e-7 if dtype == "float32" else 1e-11)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_loaded_state_continues_with_the_same_bits(order: Any) -> None:
    params = some_params("float32", order)
    rng = np.random.default_rng(6)
    whole, first, second = (AveragedWeights(params) for _ in range(3))
    for step in range(20):
        for param in params.values():
            param += rng.standard_normal(param.shape).astype(np.float32)
        whole.update(params)
        if step == 10:
            # As from a file, where everything lies in C order.
            second.load({name: np.array(array, order="C") for name, array in first.state.items()})
        (first if step < 10 else second).update(params)
    assert (first.count, second.count) == (10, 20)
    for name, mean in whole.params.items():
        np.testing.assert_array_equal(second.params[name], mean)


def test_a_loaded_state_is_a_copy() -> None:
    params = some_params("float32")
    first, second = AveragedWeights(params), AveragedWeights(params)
    first.update(params)
    second.load(first.state)
    second.update(params)
    for name, mean in first.params.items():
        np.testing.assert_array_equal(mean, params[name])


def test_the_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the mean of no weights found; expected at least one update"):
        _ = AveragedWeights(some_params("float32")).params


def test_weights_of_another_model_are_refused_and_change_nothing() -> None:
    params = some_params("float32")
    averaged = AveragedWeights(params)
    averaged.update(params)
    with pytest.raises(ArgumentError, match="holds bias, weight; expected bias, scale, weight"):
        averaged.update({"weight": params["weight"], "bias": params["bias"]})
    with pytest.raises(ShapeError, match=r"parameter 'bias' has shape \(3,\); expected \(70,\)"):
        averaged.update({**params, "bias": np.ones(3, np.float32)})
    with pytest.raises(DtypeError, match="parameter 'bias' is of int64"):
        averaged.update({**params, "bias": np.ones(70, np.int64)})
    state = averaged.state
    with pytest.raises(ArgumentError, match=r"expected count, sum\.bias, sum\.scale, sum\.weight"):
        AveragedWeights(params).load({"count": state["count"]})
    with pytest.raises(ShapeError, match="'scale' has shape"):
        AveragedWeights(params).load({**state, "sum.scale": np.ones(2)})
    assert averaged.count == 1


def triggers_of_the_authors(losses: list[float], patience: int) -> list[bool]:
    """Their program's condition, on a list of all losses."""
    found, seen = [], []
    for loss in losses:
        older = seen[: len(seen) - patience] if len(seen) > patience else []
        found.append(bool(found and found[-1]) or (bool(older) and loss > min(older)))
        seen.append(loss)
    return found


@pytest.mark.parametrize("patience", [0, 1, 2, 5])
def test_the_trigger_is_that_of_the_authors(patience: int) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        losses = (1 / np.arange(1, 25) + 0.1 * rng.standard_normal(24)).tolist()
        trigger = NonMonotone(patience)
        assert [trigger.evaluated(loss) for loss in losses] == triggers_of_the_authors(losses, patience)
    assert trigger.triggered


def test_losses_that_keep_falling_never_trigger() -> None:
    trigger = NonMonotone(2)
    assert not any(trigger.evaluated(loss) for loss in np.linspace(3, 1, 50).tolist())
    assert not any(NonMonotone(0).evaluated(1.0) for _ in range(5))


def test_a_loss_that_is_not_finite_is_above_any_and_is_forgotten() -> None:
    trigger = NonMonotone(1)
    assert [trigger.evaluated(loss) for loss in (math.nan, 3.0, math.inf, 2.0)] == [False] * 4
    assert trigger.evaluated(math.nan)


def test_a_trigger_goes_through_json_and_continues_alike() -> None:
    losses = [5.0, 4.0, 0.1 + 0.2, 0.4, 0.35, 0.31, 0.2]
    for stop in range(len(losses)):
        whole, first, second = NonMonotone(2), NonMonotone(2), NonMonotone(2)
        expected = [whole.evaluated(loss) for loss in losses]
        found = [first.evaluated(loss) for loss in losses[:stop]]
        second.load(json.loads(json.dumps(first.state, allow_nan=False)))
        found += [second.evaluated(loss) for loss in losses[stop:]]
        assert found == expected
        assert second.state == whole.state
    with pytest.raises(ArgumentError, match="state for the trigger of averaging holds nothing"):
        NonMonotone().load({})


@pytest.mark.parametrize("patience", [-1, 2.5, None, True])
def test_a_patience_that_is_no_count_is_refused(patience: Any) -> None:
    with pytest.raises(ArgumentError, match=r"patience is .*; expected a whole number of at least 0"):
        NonMonotone(patience)
