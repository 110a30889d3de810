"""Time one workload in one peer, in this process: `python -m benchmarks.time_step throughtime W2`."""

import importlib
import json
import statistics
import sys
import time

from benchmarks.workloads import WORKLOADS


def main(peer: str, name: str, seconds: float = 3.0) -> None:
    """Print the median milliseconds of a step over about `seconds`."""
    step = importlib.import_module(f"benchmarks.step_{peer}").make_step(WORKLOADS[name])
    for _ in range(5):
        loss = step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"milliseconds": statistics.median(times), "steps": len(times), "loss": loss}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
