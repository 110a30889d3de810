import pytest
from tests.machine.amx import emulated

from throughtime.machine.amx.permission import available
from throughtime.machine.jit import COMPILING


@pytest.fixture
def tiles(monkeypatch):
    """The processor's tiles; with the compiler off, tiles in NumPy."""
    if not COMPILING:
        emulated.install(monkeypatch)
    elif not available():
        pytest.skip("the processor has no bfloat16 tiles (AMX), or the system does not grant them")
