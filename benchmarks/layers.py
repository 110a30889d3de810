"""A layer swapped in a PyTorch program: `python -m benchmarks.layers [--threads 1] [--rounds 9]`.

torch.nn's layer and that of throughtime.torch, with the same weights, forward and backward with a gradient at every step,
in float32 and in one process, in turns. Both are called as a training loop calls them: input that needs a gradient,
gradients set to None. Denormals do not arise: every step has a loss.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.compare import run_module
from benchmarks.peers import pin

KINDS = "RNN", "GRU", "LSTM"
STEPS = 100
SIZES = [
    (hidden, batch)
    for batch, widths in {1: (16, 32, 64), 16: (16, 32, 64, 256), 64: (64, 128, 256)}.items()
    for hidden in widths
]
TURN = 0.05  # seconds
SMALL = 64, 16  # H and batch up to which a layer counts as small


class Marked(NamedTuple):
    """What a layer's ratio must reach."""

    small: float
    large: float


MARKS = {"RNN": Marked(4.0, 1.5), "GRU": Marked(4.0, 1.5), "LSTM": Marked(1.0, 1.0)}


def mark_of(kind: str, hidden: int, batch: int) -> float:
    """How many times as fast a layer of this size must be."""
    small = hidden <= SMALL[0] and batch <= SMALL[1]
    return MARKS[kind].small if small else MARKS[kind].large


def make_runs(kind: str, hidden: int, batch: int) -> list[Callable[[], Any]]:
    """PyTorch's run and ours."""
    import torch

    import throughtime.torch as tt_torch

    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind)(hidden, hidden)
    ours = getattr(tt_torch, kind)(hidden, hidden)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(STEPS, batch, hidden, requires_grad=True)
    dy = torch.randn(STEPS, batch, hidden)

    def run(layer: Any) -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        y, _ = layer(x)
        y.backward(dy)

    return [lambda layer=layer: run(layer) for layer in (theirs, ours)]


def ratios_of(runs: list[Callable[[], Any]], rounds: int) -> tuple[list[float], list[float]]:
    """The ratio of each round, and the median milliseconds of each run."""
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, taken in zip(runs, times, strict=True):
            begun, count = time.perf_counter(), 0
            while time.perf_counter() - begun < TURN or not count:
                run()
                count += 1
            taken.append(1e3 * (time.perf_counter() - begun) / count)
    theirs, ours = times
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    return ratios, [statistics.median(taken) for taken in times]


def measure(note: Callable[[str], None]) -> list[dict[str, Any]]:
    """All sizes with one thread, then with two; each number of threads in a process of its own."""
    rows: list[dict[str, Any]] = []
    for threads in (1, 2):
        note(f"layers, {threads} thread{'s' * (threads > 1)}")
        found = run_module("benchmarks.layers", "--threads", str(threads), threads=threads)
        if "unavailable" in found:
            note(found["unavailable"])
        rows += found.get("rows", [])
    return rows


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each layer: PyTorch's time, ours, the ratio with its span, and the mark."""
    shown = [f"A layer in a PyTorch program, T {STEPS}, forward and backward, input as wide as the layer:"]
    for row in rows:
        theirs, ours = row["milliseconds"]
        verdict = ""
        if row["at_least"] is not None:
            verdict = f"   mark {row['at_least']:g}: {'reached' if row['reached'] else 'NOT reached'}"
        shown.append(
            f"  {row['threads']} thread{'s' * (row['threads'] > 1):1}  {row['kind']:4} H {row['hidden']:3} batch {row['batch']:2}   "
            f"torch.nn {theirs:8.2f} ms   ours {ours:7.2f} ms   {row['ratio']:5.2f} "
            f"({min(row['ratios']):.2f} - {max(row['ratios']):.2f}){verdict}"
        )
    return shown


def main() -> None:
    """Print one JSON object with a row for each layer and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    options = parser.parse_args()
    pin(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    rows = []
    for kind in options.kinds:
        for hidden, batch in SIZES:
            ratios, milliseconds = ratios_of(make_runs(kind, hidden, batch), options.rounds)
            ratio = statistics.median(ratios)
            # Marks are those of one thread: with two, PyTorch's small layers lose more than they gain.
            at_least = mark_of(kind, hidden, batch) if options.threads == 1 else None
            rows.append(
                {
                    "kind": kind,
                    "hidden": hidden,
                    "batch": batch,
                    "threads": options.threads,
                    "milliseconds": milliseconds,
                    "ratio": ratio,
                    "ratios": ratios,
                    "at_least": at_least,
                    "reached": None if at_least is None else ratio >= at_least,
                }
            )
    print(json.dumps({"rows": rows}), flush=True)


if __name__ == "__main__":
    main()
