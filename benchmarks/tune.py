"""Look for the best settings of peers that have a choice: `python -m benchmarks.tune jax|torch-compile [W2 ...]`.

What it finds is written down in `benchmarks/settings.py`, by hand: to find it takes far longer than to use it.
"""

import argparse
import importlib
import json

from benchmarks.compare import run_module
from benchmarks.peers import PEERS, pin
from benchmarks.settings import CANDIDATES

SECONDS = 1.0


def main() -> None:
    """Print a line for each setting, the best one last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=CANDIDATES)
    parser.add_argument("workloads", nargs="*")
    parser.add_argument("--here", metavar="OPTIONS", help="these options, in this process, as JSON")
    options = parser.parse_args()
    if options.here:
        pin(1)
    from benchmarks.workloads import WORKLOADS

    if options.here:
        from benchmarks.timing import measure

        make = importlib.import_module(f"benchmarks.{PEERS[options.peer].module}").make_step
        print(json.dumps(measure(make(WORKLOADS[options.workloads[0]], **json.loads(options.here)), SECONDS)))
        return
    for name in options.workloads or WORKLOADS:
        best = (float("inf"), "nothing")
        for candidate in CANDIDATES[options.peer]:
            if not WORKLOADS[name].vocab_size and candidate.get("reading", "gather") != "gather":
                continue  # vectors are read in one way alone
            found = run_module("benchmarks.tune", options.peer, name, "--here", json.dumps(candidate))
            time = found.get("milliseconds", float("inf"))
            print(f"{name} {candidate}: {time:.2f} ms {found.get('unavailable', '')}", flush=True)
            best = min(best, (time, str(candidate)))
        print(f"{name} is fastest with {best[1]}", flush=True)


if __name__ == "__main__":
    main()
