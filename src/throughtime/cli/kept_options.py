"""A run's options, kept in its directory."""

import os
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from throughtime.cli.parameters import key_of
from throughtime.storage import write_whole
from throughtime.training.directory import OPTIONS
from throughtime.training.events import Checkpointed, Event, Listener, Noticed, Started

# Of one call, not of the run.
OF_THE_CALL = frozenset({"out", "resume", "config", "quiet", "as_json"})


class KeepOptions:
    """A callback that leaves a run's options in its directory, as a file for --config that repeats the run.

    Parameters
    ----------
    options : mapping
        By the names of the parameters, as they took effect. None, which TOML does not know, is left out; so is what
        belongs to one call alone.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = _by_key(options)

    def __call__(self, event: Event) -> None:
        """Write the file with the first checkpoint: whatever can be taken up has it."""
        if isinstance(event, Checkpointed) and event.step == 0:
            write_whole(event.path.parents[1] / OPTIONS, as_toml(self._options))


class KeepChanges:
    """A callback that brings the options of a run that goes on up to date.

    Parameters
    ----------
    changed : mapping
        What the run goes on with, by the names of the parameters.
    tell : Listener
        Told of a damaged file, which the run does not need.
    """

    def __init__(self, changed: Mapping[str, Any], tell: Listener) -> None:
        self._changed, self._tell = _by_key(changed), tell

    def __call__(self, event: Event) -> None:
        """Write the file, if there is one: a run that Python made has none."""
        if not isinstance(event, Started) or event.run is None or not self._changed:
            return
        file = event.run / OPTIONS
        try:
            options = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError):
            self._tell(
                Noticed(
                    f"{file} is damaged; expected the options of the run. It is left as it is: the run goes by its "
                    "config.json."
                )
            )
            return
        write_whole(file, as_toml(options | self._changed))


def as_toml(options: Mapping[str, Any]) -> bytes:
    """A file for --config, from options by key."""
    told, comment = dict(options), ""
    files = told.get("files", [])
    if "-" in files:
        comment = (
            "# The text came from standard input: give it again, as throughtime train - --config FILE.\n"
        )
        del told["files"]
    elif files:  # they are found from another working directory, too
        told["files"] = [os.path.abspath(name) for name in files]
    return (comment + tomli_w.dumps(told)).encode("utf-8", "backslashreplace")


def _by_key(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key_of(name): value
        for name, value in options.items()
        if name not in OF_THE_CALL and value is not None
    }
