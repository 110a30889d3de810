"""GFLOP/s of products on one thread, float32 and bfloat16: `python -m benchmarks.products`.

The shapes (M, N, K) are those of character and word models: `product` is the recurrence's, a step's rows by weights laid
out beforehand; nn, nt and tn are those outside time, with the transposed operand named by its t. The
upper quartile is shown, as other work on the machine only ever slows them; times are the thread's own.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from throughtime.machine.amx.permission import available
from throughtime.machine.amx.products import multiply, pack, product
from throughtime.machine.conditions import computing

RECURRENCE = [
    (50, 512, 128),
    (50, 128, 512),
    (20, 800, 200),
    (20, 200, 800),
    (20, 2600, 650),
    (20, 650, 2600),
]
OUTSIDE = [
    ("nt", 700, 10000, 200),
    ("nn", 700, 200, 10000),
    ("tn", 10000, 200, 700),
    ("nt", 700, 2600, 650),
    ("nn", 700, 650, 2600),
    ("tn", 2600, 650, 700),
    ("tn", 512, 128, 2500),
    ("nt", 2500, 65, 128),
    ("nn", 2500, 128, 65),
    ("tn", 65, 128, 2500),
    ("nn", 65, 512, 128),
]
STEPS, ROUNDS = 50, 40


@njit
def repeat(a: Any, w: Any, out: Any) -> None:
    """As many steps of the recurrence as a sweep takes."""
    for _ in range(STEPS):
        product(a, w, out)


def rate(flops: int, work: Callable[[], Any]) -> float:
    """GFLOP/s."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        work()
        seconds.append(time.thread_time() - start)
    return float(flops / np.quantile(seconds, 0.25) / 1e9)


def operand(rows: int, columns: int, turned: bool) -> Any:
    """Random numbers, as a transposed view if turned."""
    shape = (columns, rows) if turned else (rows, columns)
    array = np.random.default_rng(0).standard_normal(shape, np.float32)
    return array.T if turned else array


def main() -> None:
    """Print a table."""
    if not available():
        raise SystemExit("This processor has no bfloat16 tiles (AMX), or the system does not grant them.")
    print(f"{'':8}{'M':>6}{'N':>6}{'K':>6}{'float32':>9}{'bfloat16':>9}  GFLOP/s")
    for how, M, N, K in [*(("product", *shape) for shape in RECURRENCE), *OUTSIDE]:
        a, b, out = operand(M, K, how[0] == "t"), operand(K, N, how[1] == "t"), np.empty((M, N), np.float32)
        flops = 2 * M * N * K
        with computing():
            single = rate(flops, partial(np.matmul, a, b, out))
            if how == "product":
                half = rate(flops * STEPS, partial(repeat, a, pack(b), out))
            else:
                half = rate(flops, partial(multiply, a, b, out))
        print(f"{how:8}{M:6}{N:6}{K:6}{single:9.0f}{half:9.0f}")


if __name__ == "__main__":
    main()
