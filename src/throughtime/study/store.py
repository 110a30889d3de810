"""What a study has found: a directory with one file for each trial that has come to its end."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from throughtime.errors import DamagedError
from throughtime.storage import write_whole
from throughtime.study.plan import Planned
from throughtime.study.trial import Result

_TRIALS = "trials"
_NAMES = {each.name for each in fields(Result)}


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
            found = content["result"]
            if content["settings"] != json.loads(json.dumps(planned.trial.record())) or set(found) != _NAMES:
                raise ValueError("it is another trial's")
            return Result(**found)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(
                f"{file} cannot be read ({error}); expected a trial's result. Remove the file, and the trial is run again."
            ) from None

    def _file(self, planned: Planned) -> Path:
        return self.path / _TRIALS / f"{planned.key}.json"
