"""The machine's two ceilings for one thread: `python -m benchmarks.ceilings numpy|torch`."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers import pin

SIZES = (1024, 2048)  # of the square products
TIMES = 4
LEAST, MOST = 64 << 20, 640 << 20  # bytes of each array that streams through the memory


def fastest(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of some runs: a ceiling is what was ever reached."""
    run()
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def largest_cache() -> int:
    """Bytes of the processor's largest cache; 0 where the system does not tell."""
    units = {"K": 1 << 10, "M": 1 << 20}
    sizes = [
        path.read_text().strip() for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    ]
    return max((int(size[:-1]) * units[size[-1]] for size in sizes), default=0)


def measure_numpy() -> dict[str, float]:
    """Square products, and c = a + b over arrays twice as large as the largest cache, as far as `MOST` allows."""
    import numpy as np

    rng = np.random.default_rng(0)
    peak = 0.0
    for n in SIZES:
        a, b = rng.standard_normal((2, n, n), np.float32)
        out = np.empty((n, n), np.float32)
        peak = max(peak, 2 * n**3 / fastest(lambda a=a, b=b, out=out: np.matmul(a, b, out=out)))
    size = min(MOST, max(LEAST, 2 * largest_cache()))
    a, b, c = (np.ones(size // 4, np.float32) for _ in range(3))
    return {"peak": peak, "bandwidth": 3 * size / fastest(lambda: np.add(a, b, out=c))}


def measure_torch() -> dict[str, float]:
    """Square products."""
    import torch

    torch.set_num_threads(1)
    peak = 0.0
    for n in SIZES:
        a, b, out = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
        peak = max(peak, 2 * n**3 / fastest(lambda a=a, b=b, out=out: torch.matmul(a, b, out=out)))
    return {"peak": peak}


def main() -> None:
    """Print one JSON object: operations and bytes a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=("numpy", "torch"))
    library = parser.parse_args().library
    pin(1)
    print(json.dumps(measure_numpy() if library == "numpy" else measure_torch()))


if __name__ == "__main__":
    main()
