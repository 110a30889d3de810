"""What a run ran on: the same bits are promised for the same version, processor, BLAS and number of threads."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  # compiled products call its BLAS, which is listed once it is loaded
from threadpoolctl import threadpool_info

from throughtime.machine.precision import has_bf16
from throughtime.machine.processor import float32_lanes


def conditions(threads: int, precision: str) -> dict[str, Any]:
    """Versions, processor, BLAS, the number of threads, and what products are made with, fit for JSON."""
    blas = sorted(
        {
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
            for pool in threadpool_info()
            if pool["user_api"] == "blas"
        }
    )
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "system": platform.system(),
        "processor": _processor(),
        "blas": blas,
        "threads": threads,
        "float32 a vector": float32_lanes(),
        "products of bfloat16": precision == "bf16" and has_bf16(),
    }


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
