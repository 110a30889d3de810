"""A training step whose products have operands of bfloat16, against float64 and against PyTorch's autocast."""

import warnings

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt
from throughtime.machine.precision import has_bf16
from throughtime.networks import gradients

needs_tiles = pytest.mark.skipif(not has_bf16(), reason="the processor has no products of bfloat16")
V, H, T, B = 65, 128, 20, 16


def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, V, (T, B)), rng.integers(0, V, (T, B))


def model(cell="lstm", dtype="float32", **how):
    return tt.LanguageModel(V, H, cell=cell, embedding_size=H, dtype=dtype, seed=0, **how)


def distance(found, exact):
    """Of all gradients together, relative."""
    square = sum(np.sum((found[name] - exact[name]) ** 2) for name in exact)
    return float(np.sqrt(square / sum(np.sum(exact[name] ** 2) for name in exact)))


def exact(cell="lstm", **how):
    return tt.bptt(model(cell, "float64"), *data(), **how).grads


@needs_tiles
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("truncation", [tt.Full(), tt.Window(5), tt.Chunk(5, 10)], ids=str)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_gradient_is_as_near_as_eight_bits_allow(cell, truncation, threads):
    found = tt.bptt(model(cell), *data(), precision="bf16", truncation=truncation, threads=threads)
    error = distance(found.grads, exact(cell, truncation=truncation))
    assert 1e-4 < error < 2e-2
    assert all(array.dtype == np.float32 for array in found.grads.values())


@needs_tiles
def test_layers_above_the_first_are_no_farther():
    two = tt.LanguageModel(V, H, num_layers=2, embedding_size=H, seed=0)
    double = tt.LanguageModel(V, H, num_layers=2, embedding_size=H, dtype="float64", seed=0)
    found = tt.bptt(two, *data(), precision="bf16").grads
    assert 1e-4 < distance(found, tt.bptt(double, *data()).grads) < 2e-2


@needs_tiles
@pytest.mark.oracle
def test_gradient_is_no_farther_from_float64_than_autocasts():
    torch = require_torch()
    ours = model()
    inputs, targets = (torch.from_numpy(ids) for ids in data())
    embedding, rnn, readout = torch.nn.Embedding(V, H), torch.nn.LSTM(H, H), torch.nn.Linear(H, V)
    network = torch.nn.ModuleDict({"embedding": embedding, "rnn": rnn, "readout": readout})
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in ours.params.items()})
    with torch.autocast("cpu", torch.bfloat16):
        logits = readout(rnn(embedding(inputs))[0])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
    loss.backward()
    theirs = {name: array.grad.numpy() for name, array in network.named_parameters()}
    found = tt.bptt(ours, *data(), precision="bf16").grads
    assert distance(found, exact()) <= distance(theirs, exact())


@pytest.mark.compiled
def test_elsewhere_products_are_in_float32_and_a_warning_says_so_once(monkeypatch):
    from throughtime.machine import precision

    for module in (precision, gradients):
        monkeypatch.setattr(module, "has_bf16", lambda: False)
    full = tt.bptt(model(), *data())
    precision.warn_of_float32.cache_clear()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for _ in range(2):
            found = tt.bptt(model(), *data(), precision="bf16")
    assert [str(each.message) for each in heard] == [precision.NO_BF16]
    for name, array in full.grads.items():
        np.testing.assert_array_equal(found.grads[name], array)


def test_a_model_of_float64_cannot_be_trained_in_bf16():
    with pytest.raises(tt.ArgumentError, match="expected one of float32"):
        tt.bptt(model(dtype="float64"), *data(), precision="bf16")
