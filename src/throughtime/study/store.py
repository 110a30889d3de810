"""What a study has found: a directory with one file for each trial that has come to its end."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from throughtime.errors import DamagedError
from throughtime.storage import write_whole
from throughtime.study.kinds import fits, kinds_of
from throughtime.study.plan import Planned
from throughtime.study.trial import Result

_TRIALS = "trials"


class Store:
    """Results by the settings of their trials; each file appears whole or not at all.

    Parameters
    ----------
    path : Path
        Made if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / _TRIALS).mkdir(parents=True, exist_ok=True)

    def put(self, planned: Planned, result: Result) -> None:
        """Keep what came of a trial."""
        content = {"settings": planned.trial.record(), "result": asdict(result)}
        write_whole(self._file(planned), json.dumps(content, indent=1).encode() + b"\n")

    def get(self, planned: Planned) -> Result | None:
        """What came of a trial; None where it has not come to its end yet.

        Raises
        ------
        DamagedError
            The file is not what `put` has written.
        """
        file = self._file(planned)
        if not file.exists():
            return None
        try:
            content: Any = json.loads(file.read_text(encoding="utf-8"))
            settings, found = content["settings"], content["result"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _damaged(file, repr(error)) from None
        if settings != json.loads(json.dumps(planned.trial.record())):
            raise _damaged(file, "its settings are another trial's")
        kinds = kinds_of(Result)
        if not isinstance(found, dict) or set(found) != set(kinds):
            raise _damaged(file, "its result has other entries, as another version's may have")
        odd = [name for name, kind in kinds.items() if not fits(found[name], kind)]
        if odd:
            raise _damaged(file, f"{odd[0]} is {found[odd[0]]!r}")
        return Result(**found)

    def _file(self, planned: Planned) -> Path:
        return self.path / _TRIALS / f"{planned.key}.json"


def _damaged(file: Path, why: str) -> DamagedError:
    return DamagedError(
        f"{file} cannot be read ({why}); expected a trial's result. Remove the file, and the trial is run again."
    )
