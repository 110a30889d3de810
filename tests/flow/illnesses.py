"""Networks built to have one illness, or none, and facts about a training that fits them."""

from typing import Any

import numpy as np

import throughtime as tt
from throughtime.cells import Cell
from throughtime.flow.findings import Evidence, TrainingFacts, find
from throughtime.flow.profile import GradientFlow

H, T, B = 16, 120, 4


def orthogonal(scale: float = 1.0, size: int = H) -> np.ndarray:
    return scale * np.linalg.qr(np.random.default_rng(7).normal(size=(size, size)))[0]


def plain(
    nonlinearity: str, weight: np.ndarray | None = None, bias: float | None = None, **more: Any
) -> tt.RNN:
    """A layer with these recurrent weights, and all its biases at a value."""
    layer = tt.RNN(3, H, nonlinearity=nonlinearity, dtype="float64", seed=0, **more)
    if weight is not None:
        layer.params["weight_hh_l0"][...] = weight
    if bias is not None:
        layer.params["bias_ih_l0"][...] = bias
        layer.params["bias_hh_l0"][...] = 0
    return layer


def gated(kind: type, gate: str | None = None, bias: float = 0.0) -> Any:
    """An LSTM or GRU as it starts, but for one gate's bias."""
    layer = kind(3, H, dtype="float64", seed=0)
    if gate is not None:
        first = layer.cell.gates.index(gate) * H
        layer.params["bias_ih_l0"][first : first + H] = bias
    return layer


def linear(weight: np.ndarray) -> tt.Recurrent:
    """h = a, with nothing but the recurrent weights between steps."""

    def forward(a, state):
        return (a[0],), (a[0],)

    def backward(dstate, kept, state_prev, state):
        (dh,) = dstate
        return (dh,), (type(dh)(0),)

    cell = Cell("line", forward, backward, gates=("h",), direct=False, activations={"h": "identity"})
    layer = tt.Recurrent(cell, 3, H, dtype="float64", seed=0)
    layer.params["weight_hh_l0"][...] = weight
    return layer


def flow_of(layer: tt.Recurrent, steps: int = T, scale: float = 1.0, **how: Any) -> GradientFlow:
    """Over random inputs, with a loss at every step."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(steps, B, 3)), scale * rng.normal(size=(steps, B, H))
    return tt.gradient_flow(layer, x.astype(layer.dtype), dy.astype(layer.dtype), **how)


def trained(truncation: str = "chunk:50", **known: Any) -> TrainingFacts:
    """A training without peculiarities but those that are given."""
    spec = truncation.partition(":")[2]
    seq_len = int(spec.split(",")[0]) if truncation.startswith("chunk") else None
    rng = np.random.default_rng(1)
    usual = {
        "seq_len": seq_len,
        "steps": 1000,
        "lr": 0.002,
        "optimizer": "adam",
        "grad_norms": rng.gamma(20, 0.02, 300),
    }
    return TrainingFacts(truncation=truncation, **{**usual, **known})


def names(flow: GradientFlow, training: TrainingFacts | None = None) -> list[str]:
    return [finding.name for finding in find(Evidence(flow, training))]
