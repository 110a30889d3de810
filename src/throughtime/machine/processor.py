"""What the processor can do, as far as the choice of a kernel depends on it."""

import functools

from llvmlite import binding
from numba import config


@functools.cache
def has_features(*names: str) -> bool:
    """Whether the compiler builds for a processor with all of these, in LLVM's words.

    False where it was told which processor to build for: that may be another than this one.
    """
    if config.CPU_NAME or config.CPU_FEATURES:
        return False
    features = binding.get_host_cpu_features()
    return all(features.get(name, False) for name in names)


@functools.cache
def float32_lanes() -> int:
    """How many float32 a vector register holds that multiplies and adds at once: 16 with AVX-512, 8 with AVX2, else 0."""
    if has_features("avx512f"):
        return 16
    return 8 if has_features("avx2", "fma") else 0
