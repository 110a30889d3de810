"""Checkpoints on the disk: the last few of them, and the best."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from throughtime.errors import DamagedError
from throughtime.machine.arrays import Array
from throughtime.storage import load_sealed, part_of, save_sealed
from throughtime.training.directory import CHECKPOINTS

_NAME = re.compile(r"step-(\d{8,})\.safetensors")


@dataclass(frozen=True)
class Snapshot:
    """All that a run needs to go on.

    Attributes
    ----------
    step : int
        Updates made by then.
    arrays : dict of str to ndarray
        Weights, the optimiser's state, the carried state and so on, by "part/name".
    about : dict
        All else, fit for JSON.
    """

    step: int
    arrays: dict[str, Array]
    about: dict[str, Any]

    def part(self, name: str) -> dict[str, Array]:
        """The arrays of one part, by their own names."""
        return part_of(self.arrays, name)


class Checkpoints:
    """The checkpoints of a run.

    Parameters
    ----------
    run : Path
        The run directory.
    keep : int
        How many of the last ones stay, besides the best.
    """

    def __init__(self, run: Path, keep: int) -> None:
        self.directory, self.keep = run / CHECKPOINTS, keep

    def save(self, snapshot: Snapshot, best: int) -> Path:
        """Write a checkpoint, then remove those that are no longer wanted.

        Parameters
        ----------
        snapshot : Snapshot
        best : int
            The step of the best evaluation, whose checkpoint stays.

        Raises
        ------
        OSError
            The disk is full or the directory cannot be written; the checkpoints there are as they were.
        """
        path = self.path(snapshot.step)
        save_sealed(path, snapshot.arrays, snapshot.about)
        # One of a later step is of a course that was given up when an earlier one was taken up again.
        later = [step for step in self.steps() if step > snapshot.step]
        last = [step for step in self.steps() if step <= snapshot.step][-self.keep :]
        for step in {*self.steps()} - {*last, best} | {*later}:
            self.path(step).unlink(missing_ok=True)
        return path

    def steps(self) -> list[int]:
        """The steps of all checkpoints, in order."""
        if not self.directory.is_dir():
            return []
        names = (_NAME.fullmatch(entry.name) for entry in self.directory.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def newest(self, last: int | None = None) -> tuple[Snapshot | None, list[str]]:
        """The newest checkpoint that is whole, of the step `last` or before, and a line for each newer one that is not."""
        damage: list[str] = []
        for step in reversed(self.steps()):
            if last is not None and step > last:
                continue
            path = self.path(step)
            try:
                arrays, about = load_sealed(path)
                return Snapshot(step, arrays, about), damage
            except DamagedError as error:
                damage.append(str(error))
            except OSError as error:
                damage.append(
                    f"{path} cannot be read ({error.strerror}); expected a checkpoint. Check its permissions."
                )
        return None, damage

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.directory / f"step-{step:08}.safetensors"
