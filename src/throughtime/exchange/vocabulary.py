"""The vocabulary of a model from elsewhere, as a tokenizer."""

import json
import os
import re
from pathlib import Path
from typing import Any

from throughtime.data.tokenizer import Tokenizer
from throughtime.data.vocabularies import Unit, unit_of
from throughtime.errors import ArgumentError, TextError

END_OF_LINE = "<eos>"
# How JSON of symbols begins, and hardly a list of them that has one a line: there a quote stands alone, or a bracket does.
_JSON = re.compile(r"\s*[\[{]\s*[\"'].*\S")
_REMEDY = "Write the symbols in the order of their ids, from Python: json.dump(symbols, open('vocabulary.json', 'w'))."


def read_vocabulary(
    path: str | os.PathLike[str], unit: Unit | None = None, end_of_line: str = END_OF_LINE
) -> tuple[Tokenizer, list[str]]:
    """Read a tokenizer.json of this package; or symbols: as JSON a list, or an object with their ids; or one a line.

    Parameters
    ----------
    path : path
    unit : "char", "word" or None
        As `Tokenizer.of` has it; of a tokenizer.json it is known.
    end_of_line : str
        The word that stands for the end of a line, if it is among the symbols and a line feed is not.

    Returns
    -------
    tokenizer : Tokenizer
    notes : list of str
        What a user should know, a line each.

    Raises
    ------
    TextError
        The file is missing, no UTF-8, or neither of these.
    ArgumentError
        The symbols are no vocabulary.
    """
    path = Path(path)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextError(f"{path} cannot be read ({reason}); expected a vocabulary. {_REMEDY}") from None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        if _JSON.match(content):
            raise TextError(
                f"{path} begins as JSON, but is none ({error}); expected a vocabulary. {_REMEDY}"
            ) from None
        found = None
    if isinstance(found, dict) and isinstance(found.get("model"), dict):
        if unit_of(found) is None:
            raise TextError(
                f"{path} is a tokenizer that cuts text in ways of its own; expected a tokenizer.json of throughtime, or symbols. "
                f"{_REMEDY}"
            )
        return Tokenizer.load(path), []
    symbols = _symbols(path, found) if isinstance(found, list | dict) else _lines(path, content)
    try:
        return _of_symbols(symbols, unit, end_of_line)
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from None


def _of_symbols(symbols: list[str], unit: Unit | None, end_of_line: str) -> tuple[Tokenizer, list[str]]:
    """The tokenizer of symbols, the end of a line among words become a line feed, and what is to be said of that."""
    is_word = unit == "word" or (unit is None and Tokenizer.of(symbols).unit == "word")
    if not is_word or end_of_line not in symbols or "\n" in symbols:
        return Tokenizer.of(symbols, unit), []
    symbols[symbols.index(end_of_line)] = "\n"
    note = f"{end_of_line} stands for the end of a line: texts have it at each line feed."
    return Tokenizer.of(symbols, "word"), [note]


def _lines(path: Path, content: str) -> list[str]:
    """One symbol a line."""
    lines = content.removesuffix("\n").split("\n")
    if "" in lines:
        raise TextError(
            f"{path} has an empty line, {lines.index('') + 1}; expected a symbol in each. If the line feed is one, write JSON: "
            f"{_REMEDY.partition(': ')[2]}"
        )
    return lines


def _symbols(path: Path, found: Any) -> list[str]:
    """A list, symbols with their ids, or ids with their symbols."""
    match found:
        case list():
            return found
        case dict() if found and all(isinstance(i, int) for i in found.values()):
            by_id = {i: symbol for symbol, i in found.items()}
        case dict():
            by_id = {i: found[str(i)] for i in range(len(found)) if str(i) in found}
    if sorted(by_id) != list(range(len(found))) or not by_id:
        raise TextError(
            f"{path} is JSON, but neither a list of symbols nor an object with their ids from 0 on, each once; expected one of "
            f"these. {_REMEDY}"
        )
    return [by_id[i] for i in range(len(by_id))]
