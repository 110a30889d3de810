import warnings

import pytest
from tests.conftest import require_torch

require_torch()

from throughtime.torch.layers import own_code  # noqa: E402


@pytest.fixture(autouse=True)
def every_call_by_the_sweeps(monkeypatch):
    """A few steps too: what is tested here is the sweeps' result, not PyTorch's own."""
    monkeypatch.setattr(own_code, "FEWEST_STEPS", dict.fromkeys(own_code.FEWEST_STEPS, 1))


@pytest.fixture
def said():
    """What was said in a test, each for the first time."""
    own_code.say.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: [str(warning.message) for warning in caught]
    own_code.say.cache_clear()
