"""Twenty steps of each optimiser beside PyTorch's of the same name."""

from typing import Any

import numpy as np
import pytest

from throughtime.machine.arrays import Array
from throughtime.optim import SGD, Adam, AdamW, Momentum, Optimizer, RMSprop

STEPS = 20
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}

# Ours, and the torch.optim class and arguments that mean the same.
PAIRS: list[tuple[type[Optimizer], dict[str, Any], str, dict[str, Any]]] = [
    (SGD, {"lr": 0.03}, "SGD", {"lr": 0.03}),
    (Momentum, {"lr": 0.02}, "SGD", {"lr": 0.02, "momentum": 0.9}),
    (Momentum, {"lr": 0.02, "momentum": 0.5}, "SGD", {"lr": 0.02, "momentum": 0.5}),
    (Momentum, {"lr": 0.02, "nesterov": True}, "SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    (
        Momentum,
        {"lr": 0.02, "momentum": 0.5, "nesterov": True},
        "SGD",
        {"lr": 0.02, "momentum": 0.5, "nesterov": True},
    ),
    (RMSprop, {"lr": 0.01}, "RMSprop", {"lr": 0.01}),
    (RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}, "RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}),
    (Adam, {}, "Adam", {}),
    (
        Adam,
        {"lr": 0.02, "betas": (0.5, 0.9), "eps": 1e-4},
        "Adam",
        {"lr": 0.02, "betas": (0.5, 0.9), "eps": 1e-4},
    ),
    (AdamW, {}, "AdamW", {}),
    (
        AdamW,
        {"lr": 0.02, "betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.3},
        "AdamW",
        {"lr": 0.02, "betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.3},
    ),
]


def start(dtype: str, order: Any) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    shapes = {"weight": (5, 7), "bias": (70,), "cube": (2, 3, 4), "scale": ()}
    return {
        name: np.asarray(rng.standard_normal(shape), dtype, order=order) for name, shape in shapes.items()
    }


def gradients(params: dict[str, Array], step: int) -> dict[str, Array]:
    """As if from a loss, with magnitudes from 1e-3 to 1e2, zeros among them, and the parameters' memory order."""
    rng = np.random.default_rng(100 + step)
    grads = {}
    for name, param in params.items():
        grad = np.empty_like(param)
        grad[...] = rng.standard_normal(param.shape) * 10.0 ** rng.integers(-3, 3, param.shape)
        grads[name] = grad
    grads["bias"][:4] = 0
    return grads


@pytest.mark.parametrize(("ours", "settings", "theirs", "their_settings"), PAIRS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_equal_pytorch(
    torch: Any,
    ours: type[Optimizer],
    settings: dict[str, Any],
    theirs: str,
    their_settings: dict[str, Any],
    order: str,
    dtype: str,
) -> None:
    params = start(dtype, order)
    tensors = {name: torch.nn.Parameter(torch.tensor(np.array(p, order="C"))) for name, p in params.items()}
    optimizer, their_optimizer = (
        ours(**settings),
        getattr(torch.optim, theirs)(tensors.values(), **their_settings),
    )
    for step in range(STEPS):
        grads = gradients(params, step)
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(np.array(grads[name], order="C"))
        their_optimizer.step()
        optimizer.step(params, grads)
        for name, tensor in tensors.items():
            expected = tensor.detach().numpy()
            worst = np.abs(params[name] - expected).max() / np.abs(expected).max()
            assert worst <= TOLERANCE[dtype], (step, name)


@pytest.mark.parametrize(("ours", "theirs"), [(RMSprop, "RMSprop"), (Adam, "Adam"), (AdamW, "AdamW")])
def test_defaults_besides_the_learning_rate_are_those_of_pytorch(
    torch: Any, ours: type[Optimizer], theirs: str
) -> None:
    optimizer = getattr(torch.optim, theirs)([torch.nn.Parameter(torch.zeros(1))])
    for name, value in ours(1.0).settings().items():
        if name != "lr":
            assert optimizer.defaults[name] == (tuple(value) if isinstance(value, list) else value)
