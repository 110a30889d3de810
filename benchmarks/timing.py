"""Time one peer at one task, in this process: `python -m benchmarks.timing throughtime W2 [--seconds 2]`.

With `--turns` it is made ready, says so, and is timed again at each line that comes in: so peers that are all ready can
take turns of a third of a second, which a machine whose speed drifts over seconds treats alike.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers import PEERS, Timed, Unavailable, pin, prepare

WARM_UP = 3  # runs


def median_milliseconds(run: Callable[[], Any], seconds: float, least: int = 3) -> tuple[float, int]:
    """Median of a run over about so many seconds, and how many runs there were."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < least:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times), len(times)


def warm_up(timed: Timed) -> None:
    """Run what is compiled, allocated or tuned at first use."""
    for _ in range(WARM_UP):
        timed.run()


def measure(timed: Timed, seconds: float) -> dict[str, Any]:
    """Milliseconds of a unit, and what was run; the first run, after a pause that may have emptied the caches, apart."""
    timed.run()
    milliseconds, runs = median_milliseconds(timed.run, seconds)
    return {"milliseconds": milliseconds / timed.units, "runs": runs, "settings": timed.settings}


def main() -> None:
    """Print one JSON object, or one for each turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("task")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--turns", action="store_true", help="once for each line of stdin")
    options = parser.parse_args()
    pin(PEERS[options.peer].threads)
    from benchmarks.tasks import TASKS  # NumPy is loaded only now that the process is pinned

    try:
        timed = prepare(options.peer, options.task, TASKS[options.task])
    except Unavailable as reason:
        say({"unavailable": str(reason)})
        return
    warm_up(timed)
    if not options.turns:
        say(measure(timed, options.seconds))
        return
    say({"settings": timed.settings})
    for _ in sys.stdin:
        say(measure(timed, options.seconds))


def say(found: dict[str, Any]) -> None:
    """One JSON object, a line of its own."""
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
