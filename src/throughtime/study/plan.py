"""A study: which trials, read from a TOML file."""

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from throughtime.data.corpus import Corpus, builtin, read
from throughtime.errors import ArgumentError, InputError
from throughtime.study.corpus_trial import CorpusTrial
from throughtime.study.lengths import parse_lengths, show_lengths
from throughtime.study.task_trial import TaskTrial
from throughtime.study.trial import Corpora, Trial

BUILT_IN = "help-topics"
"""What a study calls the text that every CPython carries."""

_OF_TASKS = {each.name for each in fields(TaskTrial)}
_OF_TEXTS = {each.name for each in fields(CorpusTrial)} - {"sha256"}
_LENGTHS = "length", "test_length"
# What sets trials apart without being a way of training.
_NO_WAY = {"length", "task", "corpus", "seed"}


@dataclass(frozen=True)
class Planned:
    """One trial of a study.

    Attributes
    ----------
    way : str
        What the study calls this way of training: its method, and what of the grid sets it apart but for what is learned,
        the lengths and the seed.
    trial : Trial
    """

    way: str
    trial: Trial

    @property
    def key(self) -> str:
        """The same for the same settings, whatever the way is called: what has been found of them is found again."""
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
    corpora : mapping of str to Corpus
        The texts by their SHA-256.
    """

    name: str
    trials: tuple[Planned, ...]
    corpora: Corpora


def read_study(path: Path) -> Study:
    """Read a study's file.

    It has a table `settings`, what all trials have in common; a table `grid`, lists of what is to be varied, each with each
    other; and tables `[[method]]` with a `name` and the settings of each method. Settings are those of `TaskTrial`, or where
    a `corpus` is named, those of `CorpusTrial`, spelled as on the command line. A corpus is a file or a directory, beside the
    study's file if it is relative, or "help-topics".

    Raises
    ------
    ArgumentError
        The file is missing or no TOML, a setting of it is none or is bad, or a corpus cannot be read.
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
    reader = _Reader(path)
    common = reader.settings("settings", table.get("settings", {}))
    grid = {
        name: value if isinstance(value, list) else [value]
        for name, value in reader.settings("grid", table.get("grid", {}), lists=True).items()
    }
    for name, values in grid.items():
        if not values:
            raise ArgumentError(
                f"{path} has no value of {name} in grid; expected at least one. Write some, or leave it out."
            )
    methods = table.get("method", [{"name": ""}])
    names = [method.get("name") for method in methods]
    if "method" in table and (
        not all(isinstance(name, str) and name for name in names) or len({*names}) < len(names)
    ):
        raise ArgumentError(
            f"{path} has methods called {', '.join(map(repr, names))}; expected a name for each, all of them different. Give each "
            '[[method]] a line such as name = "clipped".'
        )
    planned = tuple(reader.planned(common, grid, methods))
    return Study(path.stem, planned, reader.corpora)


class _Reader:
    """Makes trials of a file's tables.

    Attributes
    ----------
    corpora : dict of str to Corpus
        The texts that they need, by their SHA-256.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Corpus] = {}

    @property
    def corpora(self) -> Corpora:
        return {corpus.sha256: corpus for corpus in self._read.values()}

    def planned(
        self, common: Mapping[str, Any], grid: Mapping[str, list[Any]], methods: list[Mapping[str, Any]]
    ) -> Iterator[Planned]:
        apart = [name for name, values in grid.items() if len(values) > 1 and name not in _NO_WAY]
        for method in methods:
            own = self.settings(method["name"], {k: v for k, v in method.items() if k != "name"})
            for values in itertools.product(*grid.values()):
                varied = dict(zip(grid, values, strict=True))
                told = [f"{name.replace('_', ' ')} {_shown(varied[name])}" for name in apart]
                way = ", ".join([method["name"], *told] if method["name"] else told) or self._path.stem
                try:
                    yield Planned(way, self._trial({**common, **own, **varied}))
                except (InputError, TypeError) as error:
                    where = f", method {method['name']}" if method["name"] else ""
                    raise ArgumentError(f"{self._path}{where}: {error}") from error

    def _trial(self, settings: dict[str, Any]) -> Trial:
        if ("task" in settings) == ("corpus" in settings):
            found = "task and corpus" if "task" in settings else "neither task nor corpus"
            raise ArgumentError(
                f'{found} found; expected one of them. Name a task, such as "adding", or a text.'
            )
        what, known = ("text", _OF_TEXTS) if "corpus" in settings else ("task", _OF_TASKS)
        unknown = sorted(settings.keys() - known)
        if unknown:
            raise ArgumentError(
                f"{', '.join(unknown)} found in a trial on a {what}; expected of {', '.join(sorted(known))}. Leave it out."
            )
        if what == "task":
            return TaskTrial(**settings)
        corpus = self._corpus(settings["corpus"])
        return CorpusTrial(**{**settings, "corpus": corpus.name, "sha256": corpus.sha256})

    def _corpus(self, name: Any) -> Corpus:
        if not isinstance(name, str):
            raise ArgumentError(f"corpus {name!r} found; expected the name of a text. Put it in quotes.")
        if name not in self._read:
            found = builtin() if name == BUILT_IN else read(self._path.parent / name)
            # Held whole, as other machines may have no such file.
            self._read[name] = Corpus(found.name, found.text)
        return self._read[name]

    def settings(self, where: str, table: Any, lists: bool = False) -> dict[str, Any]:
        """A table's settings by the names of a trial's."""
        if not isinstance(table, dict):
            raise ArgumentError(f"{self._path}: {where} is no table; expected one. Begin it with [{where}].")
        found = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name not in _OF_TASKS | _OF_TEXTS:
                raise ArgumentError(
                    f"{self._path} has {key!r} in {where}; expected settings of a trial: "
                    f"{', '.join(sorted(_OF_TASKS | _OF_TEXTS))}. See throughtime task --help."
                )
            several = lists and isinstance(value, list)
            found[name] = [_as_taken(name, one) for one in value] if several else _as_taken(name, value)
        return found


def _as_taken(name: str, value: Any) -> Any:
    """A value as a trial takes it: lengths may be ranges, and a norm may be a number."""
    if name in _LENGTHS:
        return parse_lengths(str(value), name)
    return str(value) if name == "clip_norm" else value


def _shown(value: Any) -> str:
    """A value as one types it."""
    return show_lengths(value) if isinstance(value, tuple) else str(value)
