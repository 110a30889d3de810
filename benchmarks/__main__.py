"""Time every workload and profile beside PyTorch: `python -m benchmarks [W1 W2 P-lstm ...] [--rounds N]`.

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
from typing import Any, NamedTuple

from benchmarks.profile_task import CELLS
from benchmarks.workloads import WORKLOADS

OURS = "throughtime"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Task(NamedTuple):
    """What is timed: `python -m module PEER name`, for us and each of the others."""

    meaning: str
    module: str
    name: str
    others: tuple[str, ...]


TASKS = {
    **{
        name: Task(work.meaning, "benchmarks.time_step", name, ("torch",)) for name, work in WORKLOADS.items()
    },
    **{
        f"P-{cell}": Task(
            f"{cell}, its profile", "benchmarks.time_profile", cell, ("torch-each", "torch-batched")
        )
        for cell in CELLS
    },
}


def measure(task: Task, peer: str) -> float:
    """Median milliseconds, in a fresh process."""
    command = [sys.executable, "-m", task.module, peer, task.name]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    milliseconds: float = json.loads(done.stdout)["milliseconds"]
    return milliseconds


def compare(task: Task, rounds: int) -> dict[str, Any]:
    """All peers in turn, `rounds` times."""
    times: dict[str, list[float]] = {peer: [] for peer in (OURS, *task.others)}
    for _ in range(rounds):
        for peer, found in times.items():
            found.append(measure(task, peer))
    ratios = {
        peer: [theirs / ours for ours, theirs in zip(times[OURS], times[peer], strict=True)]
        for peer in task.others
    }
    return {
        "milliseconds": {peer: statistics.median(found) for peer, found in times.items()},
        "ratio": {peer: statistics.median(found) for peer, found in ratios.items()},
        "ratios": ratios,
    }


def main() -> None:
    """Print a table, and one JSON object after it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tasks", nargs="*", choices=[*TASKS, []], default=list(TASKS), metavar="NAME", help=", ".join(TASKS)
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for name in options.tasks:
        task = TASKS[name]
        row = {"name": name, "meaning": task.meaning, **compare(task, options.rounds)}
        rows.append(row)
        print(f"{name:6} {task.meaning:34} {row['milliseconds'][OURS]:9.2f} ms", end="")
        for peer in task.others:
            span = f"{min(row['ratios'][peer]):.2f} to {max(row['ratios'][peer]):.2f}"
            print(
                f"   {peer} {row['milliseconds'][peer]:.2f} ms, {row['ratio'][peer]:.2f} times as long ({span})",
                end="",
            )
        print(flush=True)
    versions = {
        package: importlib.metadata.version(package) for package in ("throughtime", "torch", "numpy", "numba")
    }
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "threads": 1}
    print(json.dumps({"machine": machine, "versions": versions, "rounds": options.rounds, "rows": rows}))


if __name__ == "__main__":
    main()
