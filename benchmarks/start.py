"""How long `throughtime train --max-steps 1` takes with its default settings: `python -m benchmarks.start`.

Cold: no compiled kernel and no token is cached. Warm: both are, as at every later start.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COLD, WARM = 2, 5  # how often each is timed
AT_MOST = {"cold": 15.0, "warm": 1.5}  # seconds: the marks


def start(directory: Path, run: str) -> float:
    """Seconds of one start whose caches lie in a directory."""
    caches = {"NUMBA_CACHE_DIR": str(directory / "kernels"), "THROUGHTIME_CACHE": str(directory / "tokens")}
    command = [
        sys.executable,
        "-m",
        "throughtime",
        "train",
        "--max-steps",
        "1",
        "--out",
        str(directory / run),
    ]
    environment = os.environ | caches
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Python keeps what it has compiled, too
    begun = time.perf_counter()
    subprocess.run([*command, "--quiet"], env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


def measure() -> dict[str, Any]:
    """Medians in seconds, with what they came from and whether each is within its mark."""
    times: dict[str, list[float]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as temporary:
        for n in range(COLD):
            directory = Path(temporary, str(n))
            directory.mkdir()
            times["cold"].append(start(directory, "cold"))
        times["warm"] += (start(directory, f"warm-{n}") for n in range(WARM))
    return {
        kind: {
            "seconds": statistics.median(found),
            "all": found,
            "at_most": AT_MOST[kind],
            "reached": statistics.median(found) < AT_MOST[kind],
        }
        for kind, found in times.items()
    }


def main() -> None:
    """Print a line for each kind of start, and one JSON object after them."""
    found = measure()
    for kind, one in found.items():
        print(
            f"{kind}: {one['seconds']:.2f} s; at most {one['at_most']:g} s: {'reached' if one['reached'] else 'not reached'}"
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
