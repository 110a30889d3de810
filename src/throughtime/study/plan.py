"""A study: which trials, read from a TOML file."""

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from throughtime.errors import ArgumentError, InputError
from throughtime.study.lengths import parse_lengths
from throughtime.study.trial import Trial

_SETTINGS = {each.name for each in fields(Trial)}
_LENGTHS = "length", "test_length"


@dataclass(frozen=True)
class Planned:
    """One trial of a study.

    Attributes
    ----------
    method : str
        What the study calls this way of training.
    trial : Trial
    """

    method: str
    trial: Trial

    @property
    def key(self) -> str:
        """The same for the same settings, whatever they are called: what has been found of them is found again."""
        spelled = json.dumps(self.trial.record(), sort_keys=True)
        return hashlib.sha256(spelled.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Study:
    """A grid of trials.

    Attributes
    ----------
    name : str
    trials : tuple of Planned
        Method by method, each over the whole grid.
    """

    name: str
    trials: tuple[Planned, ...]


def read_study(path: Path) -> Study:
    """Read a study's file.

    It has a table `settings`, what all trials have in common; a table `grid`, lists of what is to be varied, each with each
    other; and tables `[[method]]` with a `name` and the settings of each method. Settings are those of
    `throughtime.study.trial.Trial`, spelled as on the command line.

    Raises
    ------
    ArgumentError
        The file is missing or no TOML, or a setting of it is none or is bad.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArgumentError(f"{path} does not exist; expected a study's file. Check the path.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArgumentError(f"{path} cannot be read as TOML: {error}. See README, 'Studies'.") from None
    unknown = sorted(table.keys() - {"settings", "grid", "method"})
    if unknown:
        raise ArgumentError(
            f"{path} has {', '.join(unknown)}; expected the tables settings, grid and [[method]]. Move settings into [settings]."
        )
    common = _settings(path, "settings", table.get("settings", {}))
    grid = {
        name: value if isinstance(value, list) else [value]
        for name, value in _settings(path, "grid", table.get("grid", {}), lists=True).items()
    }
    methods = table.get("method", [{"name": "all"}])
    names = [method.get("name") for method in methods]
    if not all(isinstance(name, str) and name for name in names) or len({*names}) < len(names):
        raise ArgumentError(
            f"{path} has methods called {', '.join(map(repr, names))}; expected a name for each, all of them different. Give each "
            '[[method]] a line such as name = "clipped".'
        )
    return Study(path.stem, tuple(_planned(path, common, grid, methods)))


def _planned(
    path: Path, common: Mapping[str, Any], grid: Mapping[str, list[Any]], methods: list[Mapping[str, Any]]
) -> Iterator[Planned]:
    for method in methods:
        own = _settings(path, method["name"], {k: v for k, v in method.items() if k != "name"})
        for values in itertools.product(*grid.values()):
            settings = {**common, **own, **dict(zip(grid, values, strict=True))}
            try:
                yield Planned(method["name"], Trial(**settings))
            except (InputError, TypeError) as error:
                raise ArgumentError(f"{path}, method {method['name']}: {error}") from error


def _settings(path: Path, where: str, table: Any, lists: bool = False) -> dict[str, Any]:
    """A table's settings by the names of a trial's."""
    if not isinstance(table, dict):
        raise ArgumentError(f"{path}: {where} is no table; expected one. Begin it with [{where}].")
    found = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _SETTINGS:
            raise ArgumentError(
                f"{path} has {key!r} in {where}; expected settings of a trial: {', '.join(sorted(_SETTINGS))}. See throughtime "
                "task --help."
            )
        each = value if lists and isinstance(value, list) else [value]
        read = [_read(name, one) for one in each]
        found[name] = read if lists and isinstance(value, list) else read[0]
    return found


def _read(name: str, value: Any) -> Any:
    """A value as a trial takes it: lengths may be ranges, and a norm may be a number."""
    if name in _LENGTHS:
        return parse_lengths(str(value), name)
    return str(value) if name == "clip_norm" else value
