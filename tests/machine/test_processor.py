import pytest
from llvmlite import binding

from throughtime.machine import processor
from throughtime.machine.processor import float32_lanes, has_features


@pytest.fixture(autouse=True)
def asked_anew():
    yield
    has_features.cache_clear()
    float32_lanes.cache_clear()


@pytest.mark.parametrize(
    ("features", "lanes"),
    [
        ({"avx512f": True, "avx2": True, "fma": True}, 16),
        ({"avx512f": False, "avx2": True, "fma": True}, 8),
        ({"avx2": True, "fma": False}, 0),
        ({}, 0),
    ],
)
def test_vectors_are_as_wide_as_the_processors(features, lanes, monkeypatch):
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    has_features.cache_clear()
    float32_lanes.cache_clear()
    assert float32_lanes() == lanes


@pytest.mark.parametrize("setting", ["CPU_NAME", "CPU_FEATURES"])
def test_nothing_is_known_of_a_processor_that_is_built_for_on_demand(setting, monkeypatch):
    monkeypatch.setattr(processor.config, setting, "generic")
    has_features.cache_clear()
    float32_lanes.cache_clear()
    assert float32_lanes() == 0
