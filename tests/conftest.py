"""What every test stands on: one BLAS thread, the oracle or a reason for its absence, quick tests first."""

import os
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.doctest import DoctestModule
from hypothesis import settings

TESTS = Path(__file__).parent

# Their compiled functions run a second time with the compiler off, because coverage cannot see into machine
# code. A test elsewhere joins them by the marker.
KERNELS = ("machine", "cells", "sweeps", "networks", "optim", "test_losses.py")

UNCOMPILED = os.environ.get("NUMBA_DISABLE_JIT") == "1"

# The same examples on every machine and in every run; a slow compilation is not a failure.
settings.register_profile("throughtime", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("throughtime")


@pytest.fixture(scope="session", autouse=True)
def token_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token cache of the tests' own, also for the programs that they start."""
    directory = tmp_path_factory.mktemp("cache")
    os.environ["THROUGHTIME_CACHE"] = str(directory)
    return directory


def require_torch() -> ModuleType:
    """PyTorch on one thread; where it is missing the caller's tests are skipped with the reason.

    For a module's top: `torch = require_torch()` after `from tests.conftest import require_torch`. A test
    that asks for the fixture `torch` gets the same.
    """
    torch = pytest.importorskip(
        "torch", reason="the oracle needs PyTorch: pip install torch==2.13.0", exc_type=ImportError
    )
    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    return require_torch()


def torch_is_required() -> bool:
    """In CI an oracle that is skipped would be a check that silently stopped checking."""
    return os.environ.get("THROUGHTIME_REQUIRE_TORCH") == "1" or os.environ.get("CI") in ("1", "true")


def pytest_configure(config: pytest.Config) -> None:
    # Nothing has loaded NumPy yet. Products split over threads sum in another order, and small ones get slower.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    if not torch_is_required():
        return
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise pytest.UsageError(
            f"PyTorch could not be imported ({error}); in CI the tests against it must run. "
            "Install torch==2.13.0, or unset CI and THROUGHTIME_REQUIRE_TORCH."
        ) from None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Tests have no examples. Looked for, they would be skipped in a file that cannot be imported, and its tests with them."""
    collectors = yield
    return [collector for collector in collectors if not isinstance(collector, DoctestModule)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in KERNELS:
            item.add_marker("kernels")
        if "torch" in getattr(item, "fixturenames", ()) or hasattr(getattr(item, "module", None), "torch"):
            item.add_marker("oracle")
        if UNCOMPILED and item.get_closest_marker("compiled"):
            item.add_marker(pytest.mark.skip(reason="slow in plain Python, and seen there at smaller shapes"))
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
