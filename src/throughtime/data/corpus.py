"""Texts to learn from: files, standard input, or the corpus that every CPython carries."""

import hashlib
import itertools
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from throughtime.errors import ArgumentError, TextError

Items = TypeVar("Items", bound=Sequence[object])

# UTF-16 text is full of NUL bytes; its mark tells it from a truly binary file. UTF-32's begins the same way.
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Corpus:
    r"""A text, and where it came from.

    Parameters
    ----------
    name : str
        What to call it in reports: file names, `stdin`, or the built-in corpus' name.
    text : str
        The text, with every line ended by a line feed alone.

    Raises
    ------
    TextError
        The text is empty, or all white space.

    Examples
    --------
    >>> Corpus("a rhyme", "one two\n").sha256[:8]
    '2dbb4a50'
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise TextError(f"{self.name} is empty; expected text to learn from. Give another text.")

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8 bytes, in hexadecimal: the file's own, if it is one file of LF lines."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def builtin() -> Corpus:
    """Python's help topics: some 480 KB of English about Python, on every machine with CPython.

    The topics stand in the order of their names, a blank line between two. The text differs between versions
    of Python: results are comparable only where `sha256` is the same.

    Raises
    ------
    TextError
        This Python was installed without its help topics.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as absent:
        raise TextError(
            "this Python lacks pydoc_data.topics; expected the help topics as the built-in corpus. "
            "Name a text file instead."
        ) from absent
    text = "\n\n".join(topics[name].strip("\n") for name in sorted(topics))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Corpus(f"help topics of Python {version}", text + "\n")


def read(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Corpus:
    """Read files of UTF-8 text, in the order given, as one corpus.

    Line ends become line feeds, a byte-order mark is dropped, and a blank line parts two files, so that no
    sentence runs from one into the next.

    Parameters
    ----------
    paths : path or sequence of paths
        `"-"` is standard input.

    Raises
    ------
    TextError
        A file is missing, a directory, unreadable, empty, binary, or not UTF-8; or no file is named.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if not paths:
        raise TextError("no file is named; expected at least one. Name a text file, or - for standard input.")
    names = [os.fspath(path) for path in paths]
    if names.count("-") > 1:
        raise TextError("standard input is named twice; expected - at most once. Remove one.")
    parts = [Corpus("stdin" if name == "-" else Path(name).name, _decoded(name)) for name in names]
    if len(parts) == 1:
        return parts[0]
    text = "\n\n".join(part.text.strip("\n") for part in parts)
    return Corpus(" + ".join(part.name for part in parts), text + "\n")


def split(items: Items, val_fraction: float, *, least: int = 2, what: str = "tokens") -> tuple[Items, Items]:
    """Part a sequence by position: training first, validation last, nothing in both.

    Parameters
    ----------
    items : sequence
        Token ids, or sentences. Anything that slices.
    val_fraction : float
        The share that validation gets, at least `least` items; 0 gives it none.
    least : int
        How many items each part needs: 2 tokens make one prediction.
    what : str
        What the items are, for the error message.

    Returns
    -------
    (train, val)
        Slices of `items`, of its own type.

    Raises
    ------
    ArgumentError
        `val_fraction` is not in [0, 1).
    TextError
        Too few items.

    Examples
    --------
    >>> split([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.2)
    ([1, 2, 3, 4, 5, 6, 7, 8], [9, 10])
    """
    if not 0 <= val_fraction < 1:
        raise ArgumentError(
            f"val_fraction is {val_fraction}; expected 0 <= val_fraction < 1. Give 0.1 to hold out a tenth."
        )

    def train_size(n: int) -> int:
        return n if val_fraction == 0 else min(math.ceil(n * (1 - val_fraction)), n - least)

    n = len(items)
    if train_size(n) < least:
        # The bound ignores rounding, which the search from just below it then settles.
        bound = max(n + 1, math.floor((least - 1) / (1 - val_fraction)) - 1)
        needed = next(m for m in itertools.count(bound) if train_size(m) >= least)
        raise TextError(
            f"the text has {n} {what}; expected at least {needed} to hold out a share of {val_fraction:g}. "
            "Give a longer text, or another val_fraction."
        )
    cut = train_size(n)
    return items[:cut], items[cut:]  # type: ignore[return-value]  # a slice of Items is an Items


def _decoded(name: str) -> str:
    """The text of one file (`-`: standard input), or a TextError that says what is wrong with it."""
    shown = "standard input" if name == "-" else _one_line(name)
    raw = _bytes(name)
    if raw.startswith(_UTF16_MARKS):
        raise TextError(f"{shown} is UTF-16; expected UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW.")
    nul = raw.find(b"\0")
    if nul >= 0:
        raise TextError(
            f"{shown} is binary: a NUL byte at offset {nul}; expected UTF-8 text. Give a text file."
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{shown} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}; expected UTF-8 text. "
            "Convert it, if it is Latin-1 so: iconv -f LATIN1 -t UTF-8 OLD > NEW."
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise TextError(f"{shown} is empty; expected text to learn from. Give another file.")
    return text


def _bytes(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise TextError(f"{_one_line(name)} does not exist; expected a text file. Check the path.") from None
    except IsADirectoryError:
        raise TextError(
            f"{_one_line(name)} is a directory; expected a text file. Name the files in it."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextError(
            f"{_one_line(name)} cannot be read ({reason}); expected a readable text file. "
            "Check its name and permissions."
        ) from None


def _one_line(name: str) -> str:
    return name if name.isprintable() and name else repr(name)
