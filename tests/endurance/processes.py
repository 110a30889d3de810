"""The command line in processes of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.endurance.courses import Course

ROOT = Path(__file__).parents[2]
# Longer than any of these runs takes: a process that hangs is a failure, too.
PATIENCE = 300.0


@dataclass(frozen=True)
class Place:
    """Where one run and all that belongs to it lies.

    Attributes
    ----------
    text : Path
    out : Path
        The run directory.
    cache : Path
        What THROUGHTIME_CACHE names.
    """

    text: Path
    out: Path
    cache: Path

    @property
    def is_begun(self) -> bool:
        """Whether there is a run to take up."""
        return (self.out / "config.json").exists()

    def arguments(self, course: Course) -> list[str]:
        """What takes the run up, or begins it (again, where a process died before the run had its settings)."""
        if self.is_begun:
            return ["train", "--resume", "--out", str(self.out), "--quiet"]
        return ["train", str(self.text), "--out", str(self.out), "--quiet", *course.options]

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that trains here. Coverage stays out: a process that is killed leaves half a file of it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**kept, **one, "PYTHONPATH": path, "THROUGHTIME_CACHE": str(self.cache)}


def call(place: Place, arguments: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "throughtime", *arguments],
        env=place.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )


def train(place: Place, course: Course) -> Path:
    """A run from its beginning, or from where it was stopped, to its end; the run directory."""
    done = call(place, place.arguments(course))
    if done.returncode != 0:
        raise AssertionError(f"{course.name} ended with {done.returncode}: {done.stderr.strip()}")
    return place.out
