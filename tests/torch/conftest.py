"""Fixtures import what needs PyTorch when they are asked for: where it is missing each test file says so and is skipped."""

import warnings

import pytest


@pytest.fixture(autouse=True)
def same_numbers():
    """The same draws in every run, whatever ran before."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def every_call_by_the_sweeps(monkeypatch):
    """A few steps too: what is tested here is the sweeps' result, not PyTorch's own."""
    from throughtime.torch.layers import own_code

    monkeypatch.setattr(own_code, "_pays", lambda call, keep: True)


@pytest.fixture
def sweeps(monkeypatch):
    """A list that grows by one with each forward pass of the sweeps."""
    from throughtime.torch.layers import sweep

    made = []
    forward = sweep.forward
    monkeypatch.setattr(
        sweep, "forward", lambda *given, **named: (made.append(1), forward(*given, **named))[1]
    )
    return made


@pytest.fixture
def by_sweeps(sweeps):
    """What is tested is none of PyTorch's own code."""
    yield
    assert sweeps


@pytest.fixture
def said():
    """What was said in a test, each for the first time."""
    from throughtime.torch.layers import own_code

    own_code.say.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: [str(warning.message) for warning in caught]
    own_code.say.cache_clear()
