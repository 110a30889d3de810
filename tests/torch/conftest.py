import warnings

import pytest
from tests.conftest import require_torch

require_torch()

from throughtime.torch.layers import own_code, sweep  # noqa: E402


@pytest.fixture(autouse=True)
def every_call_by_the_sweeps(monkeypatch):
    """A few steps too: what is tested here is the sweeps' result, not PyTorch's own."""
    monkeypatch.setattr(own_code, "_pays", lambda call, keep: True)


@pytest.fixture
def sweeps(monkeypatch):
    """A list that grows by one with each forward pass of the sweeps."""
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
    own_code.say.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: [str(warning.message) for warning in caught]
    own_code.say.cache_clear()
