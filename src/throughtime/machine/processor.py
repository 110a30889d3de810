"""What the processor can do, as far as the choice of a kernel depends on it."""

import functools

from llvmlite import binding
from numba import config


@functools.cache
def float32_lanes() -> int:
    """How many float32 a vector register holds that multiplies and adds at once: 16 with AVX-512, 8 with AVX2, else 0.

    0, too, where the compiler was told to build for another processor than this one.
    """
    if config.CPU_NAME or config.CPU_FEATURES:
        return 0
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx2") and features.get("fma") else 0
