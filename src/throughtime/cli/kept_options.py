"""A run's options, kept in its directory."""

import os
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from throughtime.cli.parameters import key_of
from throughtime.storage import write_whole
from throughtime.training.events import Event, Started

OPTIONS = "options.toml"
# Of one call, not of the run.
_OF_THE_CALL = ("out", "resume", "config", "quiet", "as_json")


class KeepOptions:
    """A callback that leaves a run's options in its directory, as a file for --config that repeats the run.

    Parameters
    ----------
    options : mapping
        By the names of the parameters, as they took effect. None, which TOML does not know, is left out; so is what
        belongs to one call alone.
    resumed : bool
        Whether they are the changed ones of a run that goes on; one without the file stays without.
    """

    def __init__(self, options: Mapping[str, Any], resumed: bool = False) -> None:
        self._options = {
            key_of(name): value
            for name, value in options.items()
            if name not in _OF_THE_CALL and value is not None
        }
        self._resumed = resumed

    def __call__(self, event: Event) -> None:
        """Write the file once the directory is the run's."""
        if not isinstance(event, Started) or event.run is None:
            return
        file = event.run / OPTIONS
        if not self._resumed:
            write_whole(file, as_toml(self._options))
        elif self._options and file.exists():
            write_whole(file, as_toml(tomllib.loads(file.read_text(encoding="utf-8")) | self._options))


def as_toml(options: Mapping[str, Any]) -> bytes:
    """A file for --config, from options by key."""
    told = dict(options)
    if "files" in told:  # they are found from another working directory, too
        told["files"] = [name if name == "-" else os.path.abspath(name) for name in told["files"]]
    return tomli_w.dumps(told).encode("utf-8", "backslashreplace")
