"""What a measurement belongs to: processor, system, versions, settings, date."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers import THREAD_VARIABLES, XLA_ONE_THREAD

PACKAGES = ("throughtime", "numpy", "scipy", "numba", "torch", "jax", "jaxlib", "onnx", "onnxruntime")
# What decides how wide a product can be computed.
EXTENSIONS = (
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_tile",
    "asimd",
    "sve",
)


def describe_machine() -> dict[str, Any]:
    """Processor, its vector extensions, cores, caches, kernel."""
    information = _processor()
    flags = information.get("flags", information.get("Features", "")).split()
    return {
        "processor": information.get("model name") or platform.processor() or platform.machine(),
        "family_model_stepping": [information.get(key) for key in ("cpu family", "model", "stepping")],
        "extensions": [name for name in EXTENSIONS if name in flags],
        "cores": os.cpu_count(),
        "caches": _caches(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def describe_versions() -> dict[str, str | None]:
    """Version of each package; None where it is not installed."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def describe_threads() -> dict[str, Any]:
    """How every process was held to its threads."""
    return {
        "variables": list(THREAD_VARIABLES),
        "value": "the peer's number of threads",
        "XLA_FLAGS": XLA_ONE_THREAD,
        "affinity": "as many processors as threads",
    }


def now() -> str:
    """Date and time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> dict[str, str]:
    """What Linux says of the first processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except FileNotFoundError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _caches() -> dict[str, str]:
    """Size of each cache of the first processor by its level and kind."""
    caches = {}
    for path in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((path / name).read_text().strip() for name in ("level", "type", "size"))
        caches[f"L{level} {kind.lower()}"] = size
    return caches
