"""Time one peer's profile from every origin, in this process: `python -m benchmarks.time_profile throughtime lstm`."""

import importlib
import json
import statistics
import sys
import time

import numpy as np


def main(peer: str, cell: str, seconds: float = 3.0) -> None:
    """Print the median milliseconds of a profile over about `seconds`, and its curve."""
    module, _, way = peer.partition("-")
    profile = importlib.import_module(f"benchmarks.profile_{module}").make_profile(cell, *filter(None, [way]))
    for _ in range(2):
        phi = profile()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        profile()
        times.append(1e3 * (time.perf_counter() - start))
    curve = np.asarray(phi, np.float64).tolist()
    print(json.dumps({"milliseconds": statistics.median(times), "profiles": len(times), "curve": curve}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
