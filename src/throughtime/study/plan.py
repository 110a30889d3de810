"""A study: which trials, read from a TOML file."""

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from throughtime.data.corpus import Corpus, builtin, read
from throughtime.errors import ArgumentError, InputError
from throughtime.study.corpus_trial import CorpusTrial
from throughtime.study.kinds import fits, kind_in_words, kinds_of, plain_kind
from throughtime.study.lengths import parse_lengths, show_lengths
from throughtime.study.task_trial import TaskTrial
from throughtime.study.trial import Corpora, Trial

BUILT_IN = "help-topics"
"""What a study calls the text that every CPython carries."""

_OF_TASKS = kinds_of(TaskTrial)
_OF_TEXTS = {name: kind for name, kind in kinds_of(CorpusTrial).items() if name != "sha256"}
_KINDS = {**_OF_TEXTS, **_OF_TASKS}
_LENGTHS = "length", "test_length"

NO_WAY = frozenset({"length", "task", "corpus", "seed"})
"""What sets trials apart without being a way of training."""

# What "off" stands for.
_OFF = {"clip_norm": None, "clip_value": None, "max_seconds": None, "omega": 0.0}


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
    table = _table(path)
    unknown = sorted(table.keys() - {"settings", "grid", "method"})
    if unknown:
        raise ArgumentError(
            f"{path} has {', '.join(unknown)}; expected the tables settings, grid and [[method]]. Move settings into [settings]."
        )
    reader = _Reader(path)
    common = reader.settings("settings", table.get("settings", {}))
    grid = reader.grid(table.get("grid", {}))
    methods = reader.methods(table["method"]) if "method" in table else {"": {}}
    for name, own in methods.items():
        twice = sorted(own.keys() & grid.keys())
        if twice:
            raise ArgumentError(
                f"{path} has {', '.join(twice)} in method {name} and in grid; expected it in one of them. Remove one."
            )
    planned = tuple(reader.planned(common, grid, methods))
    return Study(path.stem, planned, reader.corpora)


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArgumentError(f"{path} does not exist; expected a study's file. Check the path.") from None
    except (OSError, ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        why = " ".join(str(error).split())
        raise ArgumentError(
            f"{str(path)!r} cannot be read ({why}); expected a study in TOML. See README, 'Studies'."
        ) from None


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
        self,
        common: Mapping[str, Any],
        grid: Mapping[str, list[Any]],
        methods: Mapping[str, Mapping[str, Any]],
    ) -> Iterator[Planned]:
        """The trials of each method over the whole grid."""
        apart = [name for name, values in grid.items() if len(values) > 1 and name not in NO_WAY]
        for method, own in methods.items():
            for values in itertools.product(*grid.values()):
                varied = dict(zip(grid, values, strict=True))
                told = [f"{name.replace('_', ' ')} {_shown(varied[name])}" for name in apart]
                way = ", ".join([method, *told] if method else told) or self._path.stem
                try:
                    yield Planned(way, self._trial({**common, **own, **varied}))
                except InputError as error:
                    where = f", method {method}" if method else ""
                    raise ArgumentError(f"{self._path}{where}: {error}") from error

    def _trial(self, settings: dict[str, Any]) -> Trial:
        if ("task" in settings) == ("corpus" in settings):
            found = "task and corpus" if "task" in settings else "neither task nor corpus"
            raise ArgumentError(
                f'{found} found; expected one of them. Name a task, such as "adding", or a text.'
            )
        what, known = ("text", _OF_TEXTS) if "corpus" in settings else ("task", _OF_TASKS)
        unknown = sorted(settings.keys() - known.keys())
        if unknown:
            raise ArgumentError(
                f"{_keys(unknown)} found in a trial on a {what}; expected settings of such: {_keys(known)}. Leave it out."
            )
        if what == "task":
            return TaskTrial(**settings)
        return CorpusTrial(**settings, sha256=self._corpus(settings["corpus"]).sha256)

    def _corpus(self, name: str) -> Corpus:
        if not name:
            raise ArgumentError(
                f'corpus "" found; expected the name of a text. Name a file, or "{BUILT_IN}".'
            )
        if name not in self._read:
            found = builtin() if name == BUILT_IN else read(self._path.parent / name)
            # Held whole, as other machines may have no such file.
            self._read[name] = Corpus(found.name, found.text)
        return self._read[name]

    def methods(self, tables: Any) -> dict[str, dict[str, Any]]:
        """The settings of each method by its name."""
        if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
            raise ArgumentError(f"{self._path}: method is no list of tables; expected [[method]] above each.")
        names = [each.get("name") for each in tables]
        if not all(isinstance(name, str) and name for name in names) or len({*names}) < len(names):
            raise ArgumentError(
                f"{self._path} has methods called {', '.join(map(repr, names))}; expected a name for each, all of them "
                'different. Give each [[method]] a line such as name = "clipped".'
            )
        return {
            each["name"]: self.settings(
                f"method {each['name']}", {key: value for key, value in each.items() if key != "name"}
            )
            for each in tables
        }

    def grid(self, table: Any) -> dict[str, list[Any]]:
        """The values of each setting that is varied."""
        found: dict[str, list[Any]] = {}
        for name, value in self._named("grid", table).items():
            values = [
                self._taken("grid", name, one) for one in (value if isinstance(value, list) else [value])
            ]
            if not values or len({*values}) < len(values):
                what = "a value twice" if values else "no value"
                raise ArgumentError(
                    f"{self._path} has {what} of {_key(name)} in grid; expected at least one, each once. Correct the list."
                )
            found[name] = values
        return found

    def settings(self, where: str, table: Any) -> dict[str, Any]:
        """A table's settings by the names of a trial's."""
        return {name: self._taken(where, name, value) for name, value in self._named(where, table).items()}

    def _named(self, where: str, table: Any) -> dict[str, Any]:
        """A table's values by the names of a trial's settings."""
        if not isinstance(table, dict):
            raise ArgumentError(f"{self._path}: {where} is no table; expected one. Begin it with [{where}].")
        found: dict[str, Any] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name not in _KINDS:
                near = get_close_matches(name, _KINDS, n=1)
                meant = f"Did you mean {_key(near[0])}?" if near else f"Settings are {_keys(_KINDS)}."
                raise ArgumentError(
                    f"{self._path} has {key!r} in {where}; expected settings of a trial. {meant}"
                )
            if name in found:
                raise ArgumentError(
                    f"{self._path} has {key!r} twice in {where}; expected it once. Remove one."
                )
            found[name] = value
        return found

    def _taken(self, where: str, name: str, value: Any) -> Any:
        """A value as a trial takes it: lengths may be ranges, a norm may be a number, and a whole number is a number."""
        kind = _KINDS[name]
        if value == "off" and name in _OFF:
            return _OFF[name]
        if name in _LENGTHS:
            if fits(value, int | str):
                try:
                    return parse_lengths(str(value), name)
                except ArgumentError as error:
                    raise ArgumentError(f"{self._path}, {where}: {error}") from None
            kind = int
        elif name == "clip_norm" and fits(value, float):
            return f"{value:g}"
        elif fits(value, kind):
            return float(value) if plain_kind(kind) is float else value
        raise ArgumentError(
            f"{self._path} has {_key(name)} = {value!r} in {where}; expected {kind_in_words(kind)}. Correct it."
        )


def _shown(value: Any) -> str:
    """A value as one types it."""
    if value is None:
        return "off"
    return show_lengths(value) if isinstance(value, tuple) else str(value)


def _key(name: str) -> str:
    """A setting as the file spells it."""
    return name.replace("_", "-")


def _keys(names: Iterable[str]) -> str:
    return ", ".join(_key(name) for name in sorted(names))
