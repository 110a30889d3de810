"""The machine's two ceilings for one thread: products, and `python -m benchmarks.ceilings`, the memory's bandwidth."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers import Timed, pin

SIZE = 1024  # of the square products
OPERATIONS = 2 * SIZE**3
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


def make_product(task: Any, library: str) -> Timed:
    """A square product in float32; whatever the task, it is what the task's own products are held against."""
    if library == "numpy":
        import numpy as np

        a, b = np.random.default_rng(0).standard_normal((2, SIZE, SIZE), np.float32)
        out = np.empty_like(a)
        return Timed(lambda: np.matmul(a, b, out=out), "float32, 1 thread")
    import torch

    torch.set_num_threads(1)
    left, right, product = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE), torch.empty(SIZE, SIZE)
    return Timed(lambda: torch.matmul(left, right, out=product), "float32, 1 thread")


def measure_bandwidth() -> float:
    """Bytes a second of c = a + b over arrays twice as large as the largest cache, as far as `MOST` allows."""
    import numpy as np

    size = min(MOST, max(LEAST, 2 * largest_cache()))
    a, b, c = (np.ones(size // 4, np.float32) for _ in range(3))
    return 3 * size / fastest(lambda: np.add(a, b, out=c))


def main() -> None:
    """Print one JSON object."""
    pin(1)
    print(json.dumps({"bandwidth": measure_bandwidth()}))


if __name__ == "__main__":
    main()
