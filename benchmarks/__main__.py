"""Time every workload beside PyTorch: `python -m benchmarks [W1 W2 ...] [--rounds N]`.

Each peer runs in a process of its own, one thread, the peers in turn; medians over the rounds, and the ratio pair by
pair, so that a comparison holds when the machine's speed drifts.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.workloads import WORKLOADS

PEERS = ("throughtime", "torch")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure(peer: str, name: str) -> float:
    """Median milliseconds of a step, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.time_step", peer, name]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    milliseconds: float = json.loads(done.stdout)["milliseconds"]
    return milliseconds


def compare(name: str, rounds: int) -> dict[str, Any]:
    """Both peers in turn, `rounds` times."""
    times: dict[str, list[float]] = {peer: [] for peer in PEERS}
    for _ in range(rounds):
        for peer in PEERS:
            times[peer].append(measure(peer, name))
    ours, theirs = (times[peer] for peer in PEERS)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        "workload": name,
        "meaning": WORKLOADS[name].meaning,
        **{f"{peer}_ms": statistics.median(times[peer]) for peer in PEERS},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def main() -> None:
    """Print a table, and one JSON object after it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    print(f"{'':3} {'':34} {'throughtime':>12} {'PyTorch':>9}   faster by")
    for name in options.workloads:
        row = compare(name, options.rounds)
        rows.append(row)
        span = f"{min(row['ratios']):.2f} to {max(row['ratios']):.2f}"
        print(
            f"{name:3} {row['meaning']:34} {row['throughtime_ms']:9.2f} ms {row['torch_ms']:6.2f} ms"
            f"   {row['ratio']:.2f} ({span})",
            flush=True,
        )
    versions = {
        package: importlib.metadata.version(package) for package in ("throughtime", "torch", "numpy", "numba")
    }
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": 1}
    print(json.dumps({"machine": machine, "versions": versions, "rounds": options.rounds, "rows": rows}))


if __name__ == "__main__":
    main()
