"""Memory of a training step: `python -m benchmarks.step_memory [W2 ...]`.

How much the resident anonymous memory grows (RssAnon of Linux) from before the model is made to its peak over some steps,
each peer in a process of its own. Another, tiny workload of the same kind runs before: so code, libraries and
compiled kernels do not count.
"""

import argparse
import ctypes
import dataclasses
import gc
import json
import os
import threading
from typing import Any

from benchmarks.compare import run_module
from benchmarks.memory import MEBI, anonymous
from benchmarks.peers import Unavailable, pin, prepare
from benchmarks.workloads import WORKLOADS, Workload

PEERS = ("throughtime", "torch")
STEPS = 6
EVERY = 0.0005  # seconds between two looks


class Watch:
    """The peak of this process's anonymous memory while a block runs, in bytes."""

    def __enter__(self) -> "Watch":
        self.peak = anonymous(os.getpid())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(EVERY):
            self.peak = max(self.peak, anonymous(os.getpid()))


def grow(peer: str, name: str, work: Workload) -> float:
    """MiB by which this process grows from before the model to the peak of some steps."""
    tiny = dataclasses.replace(work, hidden_size=8, batch=2, seq_len=4)
    small = prepare(peer, name, tiny)
    for _ in range(2):
        small.run()
    _trim()
    before = anonymous(os.getpid())
    with Watch() as watch:
        timed = prepare(peer, name, work)
        for _ in range(STEPS):
            timed.run()
    return (watch.peak - before) / MEBI


def _trim() -> None:
    """Give freed memory back to the system, or what is made next would hide in it (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def measure(names: list[str]) -> list[dict[str, Any]]:
    """MiB of each peer at each workload."""
    rows = []
    for name in names:
        found = {peer: run_module("benchmarks.step_memory", name, "--here", peer) for peer in PEERS}
        rows.append({"name": name, "mib": {peer: one.get("mib") for peer, one in found.items()}})
    return rows


def main() -> None:
    """Print a line for each workload, and one JSON object after them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--here", metavar="PEER", help="this peer, in this process, as JSON")
    options = parser.parse_args()
    if options.here:
        pin(1)
        try:
            name = options.workloads[0]
            print(json.dumps({"mib": grow(options.here, name, WORKLOADS[name])}))
        except Unavailable as reason:
            print(json.dumps({"unavailable": str(reason)}))
        return
    rows = measure(options.workloads)
    for row in rows:
        cells = (
            f"{peer} {mib:.1f} MiB" if mib is not None else f"{peer} -" for peer, mib in row["mib"].items()
        )
        print(row["name"], *cells, sep="   ")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
