"""How much of a training goes into measuring the gradient's flow: `python -m benchmarks.probes [W2 W4] [--rounds N]`.

Workloads that read tokens are trained by `fit` with the probes that it makes by default, one thread, in a process of its
own each round. The time within probes is taken directly, as a difference of whole trainings would drown in the machine's
noise.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

import throughtime as tt
from benchmarks.peers import environment
from benchmarks.workloads import CLIP, WORKLOADS
from throughtime.training.probe import Probe

STEPS = {"W2": 600, "W4": 180}  # some intervals


def measure(name: str) -> dict[str, Any]:
    """Train once, in this process."""
    work = WORKLOADS[name]
    ids = np.random.default_rng(work.seed).integers(0, work.vocab_size, 40 * work.seq_len * work.batch)
    model = tt.LanguageModel(
        work.vocab_size, work.hidden_size, work.cell, embedding_size=work.embedding_size, seed=0
    )
    probes: list[float] = []
    plain = Probe.measure

    def timed(self: Probe, step: int) -> Any:
        start = time.perf_counter()
        found = plain(self, step)
        probes.append(time.perf_counter() - start)
        return found

    Probe.measure = timed  # type: ignore[method-assign]
    how = {"batch_size": work.batch, "seq_len": work.seq_len, "val_fraction": 0.0, "clip": tt.ClipNorm(CLIP)}
    tt.fit(model, ids, max_steps=5, flow_every=1, **how)  # the kernels are loaded, or compiled
    probes.clear()
    run = tt.fit(model, ids, max_steps=STEPS[name], **how)
    assert run.finished is not None
    seconds = run.finished.seconds
    return {"share": sum(probes) / seconds, "probes": len(probes), "each": statistics.median(probes)}


def main() -> None:
    """Print a line for each workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(STEPS), help=", ".join(STEPS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="once, in this process, as JSON")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.workloads[0])))
        return
    for name in options.workloads:
        command = [sys.executable, "-m", "benchmarks.probes", name, "--here"]
        rounds = [
            json.loads(subprocess.run(command, env=environment(1), capture_output=True, check=True).stdout)
            for _ in range(options.rounds)
        ]
        shares = sorted(found["share"] for found in rounds)
        print(
            f"{name}: {rounds[0]['probes']} probes of {1e3 * rounds[0]['each']:.0f} ms in {STEPS[name]} updates, "
            f"{100 * statistics.median(shares):.1f}% of the time ({100 * shares[0]:.1f} to {100 * shares[-1]:.1f}%)",
            flush=True,
        )


if __name__ == "__main__":
    main()
