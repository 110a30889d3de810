"""Kill runs, damage their files, fill their disks: `python -m tests.endurance --kills 200 --damages 1000`."""

import argparse
import secrets
import sys
import time
from pathlib import Path

from tests.endurance.courses import COURSES
from tests.endurance.damages import strike
from tests.endurance.disks import fill
from tests.endurance.kills import Tally, hunt


def _report(what: str, tally: Tally) -> None:
    print(f"\n{what}:")
    for name, count in sorted(tally.counts.items()):
        print(f"  {count:5} {name}")


def endure(kills: int, damages: int, seed: int, workers: int, directory: Path | None) -> int:
    """Do it all; 1 if anything was not as it should be."""
    start = time.perf_counter()

    def tell(line: str) -> None:
        print(f"[{time.perf_counter() - start:5.0f} s] {line}", flush=True)

    tell(f"seed {seed}: {kills} kills, {damages} damages, {len(COURSES)} settings")
    tallies = {
        "Disks": fill(COURSES[:3], seed, tell, directory),
        "Damages": strike(COURSES, damages, seed, tell=tell, directory=directory),
        "Kills": hunt(COURSES, kills, seed, tell, workers, directory),
    }
    for what, tally in tallies.items():
        _report(what, tally)
    failures = [line for tally in tallies.values() for line in tally.failures]
    print(f"\n{len(failures)} failures in {time.perf_counter() - start:.0f} s, seed {seed}")
    for line in failures:
        print(f"  {line}")
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at least so many SIGKILLs")
    parser.add_argument("--damages", type=int, default=1000, help="so many single bytes changed")
    parser.add_argument("--seed", type=int, default=None, help="of all that is random; a new one by default")
    parser.add_argument("--workers", type=int, default=2, help="runs to be killed side by side")
    parser.add_argument(
        "--directory", type=Path, help="where to work; the system's temporary directory by default"
    )
    given = parser.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    sys.exit(endure(given.kills, given.damages, seed, given.workers, given.directory))
