"""The options of a comparison as compare.json keeps them, and back."""

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from throughtime.cli.compare_options import CompareOptions
from throughtime.cli.compare_variants import Fork
from throughtime.cli.parameters import key_of
from throughtime.cli.train_options import TrainOptions
from throughtime.errors import RunError

if TYPE_CHECKING:
    from throughtime.compare.record import Record

_FIELDS = {key_of(each.name): each.name for each in fields(TrainOptions)}


def kept(options: CompareOptions) -> dict[str, Any]:
    """What all variants have in common, by the names of the options; the files are found from elsewhere, too."""
    from throughtime.cli.kept_options import OF_THE_CALL

    found = {key: getattr(options, name) for key, name in _FIELDS.items() if name not in OF_THE_CALL}
    if options.files:
        found["files"] = absolute(options.files)
    return found


def absolute(files: list[str] | None) -> list[str] | None:
    """The names of files as they are found from another working directory, too."""
    return None if files is None else [name if name == "-" else os.path.abspath(name) for name in files]


def kept_forks(out: Path, record: "Record") -> list[Fork]:
    """The variants of a comparison as options.

    Raises
    ------
    RunError
        compare.json was written from Python or by another version, or is damaged.
    """
    try:
        if not record["setting"]:
            raise KeyError("setting")
        common = TrainOptions(**_by_field(record["setting"]))
        each = [(entry["variant"], _by_field(entry["options"])) for entry in record["variants"]]
        return [Fork(name, replace(common, **own), own) for name, own in each]
    except (KeyError, TypeError):
        raise RunError(
            f"{out} has no options of throughtime compare; expected a comparison that this command line has begun. "
            "Go on with it from where it was begun, or compare in another directory."
        ) from None


def _by_field(options: dict[str, Any]) -> dict[str, Any]:
    """Options by the names of their fields; KeyError or TypeError for one that is unknown or has an odd value."""
    from throughtime.compare.record import is_of

    found = {_FIELDS[key]: value for key, value in options.items()}
    kinds = get_type_hints(TrainOptions)
    for name, value in found.items():
        if not is_of(value, kinds[name]):
            raise TypeError(f"{name} is {value!r}")
    return found
