"""What every optimiser owes: names, checks before changes, state that can be given back."""

import json
from typing import Any

import numpy as np
import pytest

from throughtime.errors import ArgumentError, DtypeError, InputError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import COMPILING
from throughtime.optim import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop, optimizer_from_name

ALL: list[type[Any]] = [SGD, Momentum, RMSprop, Adam, AdamW]
EVERY = pytest.mark.parametrize("kind", ALL)


def some_params(dtype: str = "float64") -> dict[str, Array]:
    return {"weight": np.arange(6, dtype=dtype).reshape(2, 3), "bias": np.ones(4, dtype)}


def some_grads(seed: int = 0, dtype: str = "float64") -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {"weight": rng.standard_normal((2, 3)).astype(dtype), "bias": rng.standard_normal(4).astype(dtype)}


def copy(arrays: dict[str, Array]) -> dict[str, Array]:
    return {name: array.copy(order="K") for name, array in arrays.items()}


def equal(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@EVERY
def test_the_state_is_allocated_at_the_first_step_under_flat_names(kind: type[Any]) -> None:
    optimizer = kind(lr=0.1)
    assert optimizer.state == {}
    params = some_params("float32")
    optimizer.step(params, some_grads(dtype="float32"))
    expected = {f"{slot}.{name}": params[name] for slot in kind.slots for name in params}
    assert optimizer.state.keys() == expected.keys() | ({"step"} if kind.counts_steps else set())
    for name, param in expected.items():
        assert (optimizer.state[name].shape, optimizer.state[name].dtype) == (param.shape, param.dtype)


def test_the_slots_have_the_names_that_checkpoints_use() -> None:
    assert {kind.name: kind.slots for kind in ALL} == {
        "sgd": (),
        "momentum": ("velocity",),
        "rmsprop": ("square",),
        "adam": ("mean", "square"),
        "adamw": ("mean", "square"),
    }


@EVERY
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_loaded_state_continues_with_the_same_bits(kind: type[Any], order: Any) -> None:
    params = {name: np.asarray(param, order=order) for name, param in some_params().items()}
    whole = kind(lr=0.1)
    for step in range(3):
        whole.step(params, some_grads(step))
    resumed_params, resumed = copy(params), kind(**json.loads(json.dumps(whole.settings())))
    # As from a file, where every array is in C order.
    resumed.load({name: np.ascontiguousarray(array) for name, array in whole.state.items()})
    for step in range(3, 6):
        whole.step(params, some_grads(step))
        resumed.step(resumed_params, some_grads(step))
    assert equal(resumed_params, params)
    assert equal(resumed.state, whole.state)


def test_load_copies() -> None:
    first, second = Momentum(lr=0.1), Momentum(lr=0.1)
    first.step(some_params(), some_grads())
    second.load(first.state)
    second.step(some_params(), some_grads())
    assert not equal(first.state, second.state)


def test_adam_counts_its_steps() -> None:
    optimizer, params = Adam(), some_params()
    for step in range(3):
        optimizer.step(params, some_grads(step))
    assert optimizer.state["step"].tolist() == [3]


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_orders_do_not_change_the_result(kind: type[Any], dtype: str) -> None:
    results = []
    orders: list[Any] = [("C", "C"), ("F", "F"), ("F", "C"), ("C", "F"), ("C", "gaps")]
    for param_order, grad_order in orders:
        optimizer, params = kind(lr=0.1), some_params(dtype)
        weight = params["weight"] = np.asarray(params["weight"], order=param_order)
        for step in range(2):
            grads = some_grads(step, dtype)
            if grad_order == "gaps":
                grads["weight"] = np.repeat(grads["weight"], 2, axis=1)[:, ::2]
            else:
                grads["weight"] = np.asarray(grads["weight"], order=grad_order)
            optimizer.step(params, grads)
        assert params["weight"] is weight
        results.append(params)
    assert not equal(results[0], some_params(dtype))
    assert all(equal(result, results[0]) for result in results)


@EVERY
def test_gradients_are_left_as_they_are(kind: type[Any]) -> None:
    grads = some_grads()
    kind(lr=0.1).step(some_params(), grads)
    assert equal(grads, some_grads())


@EVERY
def test_types_may_differ_between_parameters(kind: type[Any]) -> None:
    params, grads = some_params(), some_grads()
    params["bias"], grads["bias"] = np.full(4, 3, np.float32), grads["bias"].astype("float32")
    kind(lr=0.1).step(params, grads)
    assert params["bias"].dtype == np.float32
    reference = some_params() | {"bias": np.full(4, 3.0)}
    kind(lr=0.1).step(reference, some_grads())
    np.testing.assert_allclose(params["bias"], reference["bias"], rtol=1e-6)
    np.testing.assert_array_equal(params["weight"], reference["weight"])


@pytest.mark.parametrize(
    "optimizer", [*(kind(lr=0.1) for kind in ALL if kind is not AdamW), AdamW(lr=0.1, weight_decay=0)]
)
def test_a_parameter_without_gradients_stays_where_it_is(optimizer: Optimizer) -> None:
    # In float32 the squares of tiny gradients underflow; their steps must not become 0/0.
    params = {"weight": np.array([1, 2, 3], np.float32)}
    for _ in range(3):
        optimizer.step(params, {"weight": np.array([0, 1e-30, 0], np.float32)})
    assert params["weight"].tolist() == [1, 2, 3]


def test_weight_decay_shrinks_what_has_no_gradient_as_fast_as_what_has_a_large_one() -> None:
    grads = {"weight": np.array([0.0, 1e6])}
    with_decay, without = {"weight": np.array([4.0, 4.0])}, {"weight": np.array([4.0, 4.0])}
    AdamW(lr=0.1, weight_decay=0.5).step(with_decay, grads)
    Adam(lr=0.1).step(without, grads)
    np.testing.assert_allclose(without["weight"] - with_decay["weight"], 0.1 * 0.5 * 4, rtol=1e-14)


def test_nesterov_continues_from_its_settings() -> None:
    first = optimizer_from_name("nesterov", 0.1)
    again = Momentum(**json.loads(json.dumps(first.settings())))
    ours, theirs, plain = some_params(), some_params(), some_params()
    first.step(ours, some_grads())
    again.step(theirs, some_grads())
    Momentum(lr=0.1).step(plain, some_grads())
    assert equal(ours, theirs)
    assert not equal(ours, plain)


def broken(**changes: Any) -> tuple[dict[str, Array], dict[str, Array]]:
    params, grads = some_params(), some_grads()
    for name, value in changes.items():
        side, _, key = name.partition("_")
        target = params if side == "param" else grads
        if value is None:
            del target[key]
        else:
            target[key] = value
    return params, grads


def read_only() -> Array:
    array = np.ones(4)
    array.flags.writeable = False
    return array


@EVERY
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"grad_bias": None}, ArgumentError, "parameter 'bias' has no gradient"),
        ({"param_bias": None}, ArgumentError, "gradient 'bias' has no parameter"),
        ({"grad_bias": np.ones(5)}, ShapeError, r"gradient 'bias' has shape \(5,\); expected \(4,\)"),
        ({"grad_bias": np.ones((4, 1))}, ShapeError, r"gradient 'bias' has shape \(4, 1\)"),
        ({"grad_bias": np.ones(4, np.float32)}, DtypeError, "'bias' has dtype float32; expected float64"),
        ({"grad_bias": np.ones(4, np.int64)}, DtypeError, "gradient 'bias' is of int64"),
        ({"grad_bias": [1.0, 1.0, 1.0, 1.0]}, DtypeError, "gradient 'bias' is of <class 'list'>"),
        ({"param_bias": np.ones(4, np.int64)}, DtypeError, "parameter 'bias' is of int64"),
        ({"param_bias": np.ones(8)[::2]}, ArgumentError, "parameter 'bias' has strides"),
        ({"param_bias": read_only()}, ArgumentError, "parameter 'bias' is read-only"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_changes(
    kind: type[Any], changes: dict[str, Any], error: type[InputError], message: str
) -> None:
    params, grads = broken(**changes)
    before, optimizer = {name: np.copy(param) for name, param in params.items()}, kind(lr=0.1)
    with pytest.raises(error, match=message) as caught:
        optimizer.step(params, grads)
    assert "\n" not in str(caught.value)
    assert equal(params, before)
    assert optimizer.state == {}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mean.bias": None}, ArgumentError, "differ in 'mean.bias'; expected the state of adam"),
        ({"velocity.bias": np.ones(4)}, ArgumentError, "differ in 'velocity.bias'"),
        ({"step": None}, ArgumentError, "differ in 'step'"),
        ({"mean.bias": np.ones(5)}, ShapeError, r"state 'mean.bias' has shape \(5,\); expected \(4,\)"),
        ({"mean.bias": np.ones(4, np.float32)}, DtypeError, "state 'mean.bias' has dtype float32"),
        ({"step": np.array([3.0])}, DtypeError, r"state 'step' is \[3.0\] of dtype float64"),
        ({"step": np.array([-1])}, DtypeError, r"state 'step' is \[-1\]"),
        ({"step": np.array(3)}, DtypeError, "state 'step' is 3"),
    ],
)
def test_a_state_of_something_else_is_named_before_anything_changes(
    changes: dict[str, Any], error: type[InputError], message: str
) -> None:
    optimizer, params = Adam(), some_params()
    optimizer.step(params, some_grads())
    state = {**optimizer.state, **changes}
    optimizer.load({name: array for name, array in state.items() if array is not None})
    before, state_before = copy(params), copy(optimizer.state)
    with pytest.raises(error, match=message):
        optimizer.step(params, some_grads())
    assert equal(params, before)
    assert equal(optimizer.state, state_before)


@EVERY
@pytest.mark.parametrize("lr", [0, -0.1, np.inf, np.nan, None, "0.1", True])
def test_a_learning_rate_that_is_not_above_zero_is_refused(kind: type[Any], lr: Any) -> None:
    with pytest.raises(ArgumentError, match=r"lr is .*; expected a finite number above 0"):
        kind(lr=lr)
    optimizer = kind(lr=0.5)
    with pytest.raises(ArgumentError, match="lr is"):
        optimizer.lr = lr
    assert optimizer.lr == 0.5


@pytest.mark.parametrize(
    ("kind", "settings", "name"),
    [
        (Momentum, {"momentum": 1.0}, "momentum"),
        (Momentum, {"momentum": -0.1}, "momentum"),
        (Momentum, {"momentum": 0, "nesterov": True}, "momentum"),
        (RMSprop, {"alpha": 1.0}, "alpha"),
        (RMSprop, {"alpha": np.nan}, "alpha"),
        (RMSprop, {"eps": 0.0}, "eps"),
        (Adam, {"betas": (1.0, 0.9)}, r"betas\[0\]"),
        (Adam, {"betas": (0.9, 1.5)}, r"betas\[1\]"),
        (Adam, {"betas": (0.9,)}, "betas"),
        (Adam, {"betas": 0.9}, "betas"),
        (Adam, {"eps": -1e-8}, "eps"),
        (AdamW, {"weight_decay": -0.1}, "weight_decay"),
        (AdamW, {"weight_decay": np.inf}, "weight_decay"),
        (AdamW, {"eps": 0.0}, "eps"),
    ],
)
def test_a_setting_out_of_range_is_named(kind: type[Any], settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{name} is .*; expected"):
        kind(lr=0.1, **settings)


@EVERY
def test_the_learning_rate_may_change_between_steps(kind: type[Any]) -> None:
    params, optimizer = some_params(), kind(lr=0.1)
    optimizer.step(params, some_grads())
    before = params["bias"].copy()
    optimizer.lr = 1e-12
    optimizer.step(params, some_grads())
    np.testing.assert_allclose(params["bias"], before, rtol=0, atol=1e-10)


@EVERY
def test_an_optimizer_is_found_by_its_name(kind: type[Any]) -> None:
    optimizer: Optimizer = optimizer_from_name(kind.name, 0.25)
    assert type(optimizer).__name__ == kind.__name__
    assert optimizer.lr == 0.25
    assert optimizer_from_name(kind.name).settings() == kind().settings()


def test_argument_that_an_optimizer_lacks_is_refused_by_name():
    with pytest.raises(
        ArgumentError,
        match="momentum found with optimizer sgd; expected it with momentum or nesterov only",
    ):
        optimizer_from_name("sgd", 0.1, momentum=0.9)
    with pytest.raises(
        ArgumentError, match="weight_decay found with optimizer adam; expected it with adamw only"
    ):
        optimizer_from_name("adam", weight_decay=0.1)
    with pytest.raises(ArgumentError, match="speed found with optimizer adam; expected it with none only"):
        optimizer_from_name("adam", speed=2.0)


def test_an_unknown_name_lists_the_choices() -> None:
    with pytest.raises(
        ArgumentError,
        match="'adagrad' is unknown; expected one of sgd, momentum, nesterov, rmsprop, adam, adamw",
    ):
        optimizer_from_name("adagrad", 0.1)


def test_nothing_to_update_is_no_error() -> None:
    Adam().step({}, {})


@pytest.mark.skipif(not COMPILING, reason="only compiled code flushes denormals")
def test_running_means_without_gradients_end_at_zero_not_in_denormals() -> None:
    params, grads = {"weight": np.ones(4, np.float32)}, {"weight": np.full(4, 1e-37, np.float32)}
    optimizer = Momentum(lr=0.1)
    optimizer.step(params, grads)
    grads["weight"][:] = 0
    for _ in range(30):
        optimizer.step(params, grads)
    assert not optimizer.state["velocity.weight"].any()
