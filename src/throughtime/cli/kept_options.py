"""A run's options, kept in its directory."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from throughtime.cli.parameters import key_of
from throughtime.storage import write_whole
from throughtime.training.events import Event, Listener, Noticed, Started

OPTIONS = "options.toml"
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
        """Write the file once the directory is the run's."""
        if isinstance(event, Started) and event.run is not None:
            write_whole(event.run / OPTIONS, as_toml(self._options))


class KeepChanges:
    """A callback that brings the options of a run that goes on up to date, and makes a file anew that is lost or damaged.

    Parameters
    ----------
    changed : mapping
        What the run goes on with, by the names of the parameters.
    tell : Listener
        Told of a damaged file.
    """

    def __init__(self, changed: Mapping[str, Any], tell: Listener) -> None:
        self._changed, self._tell = _by_key(changed), tell

    def __call__(self, event: Event) -> None:
        """Write the file, where options can say what the run is: one that Python made may have none."""
        if not isinstance(event, Started) or event.run is None:
            return
        file = event.run / OPTIONS
        options: Mapping[str, Any] | None
        try:
            options = _read(file) | self._changed
        except FileNotFoundError:
            options = _again(event.run)
        except (OSError, ValueError, RecursionError):
            options = _again(event.run)
            done = (
                "is made anew from config.json"
                if options
                else "is left as it is, as the run does not need it"
            )
            self._tell(Noticed(f"{file} is damaged; expected the options of the run. It {done}."))
        if options:
            write_whole(file, as_toml(options))


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


def _read(file: Path) -> dict[str, Any]:
    """The options of a file, by key."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _again(run: Path) -> dict[str, Any] | None:
    """The options of a run by key, from its settings; None where no options make these."""
    from throughtime.cli.restored_options import restored

    options = restored(run)
    return None if options is None else _by_key(options)


def _by_key(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key_of(name): value
        for name, value in options.items()
        if name not in OF_THE_CALL and value is not None
    }
