"""Time one peer at one task, in this process: `python -m benchmarks.timing throughtime W2 [--seconds 2]`."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers import PEERS, Timed, Unavailable, pin, prepare

WARM_UP = 3  # runs: what is compiled, allocated or tuned at first use


def median_milliseconds(run: Callable[[], Any], seconds: float, least: int = 5) -> tuple[float, int]:
    """Median of a run over about so many seconds, and how many runs there were."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), len(times)


def measure(timed: Timed, seconds: float) -> dict[str, Any]:
    """Milliseconds of a unit, and what was run."""
    for _ in range(WARM_UP):
        timed.run()
    milliseconds, runs = median_milliseconds(timed.run, seconds)
    return {"milliseconds": milliseconds / timed.units, "runs": runs, "settings": timed.settings}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("task")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    pin(PEERS[options.peer].threads)
    from benchmarks.tasks import TASKS  # NumPy is loaded only now that the process is pinned

    try:
        found = measure(prepare(options.peer, options.task, TASKS[options.task]), options.seconds)
    except Unavailable as reason:
        found = {"unavailable": str(reason)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
