"""Texts to learn from: in memory, in files, or the corpus that every CPython carries."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from throughtime.data.blocks import sliced
from throughtime.data.files import TextFile, text_files_in
from throughtime.data.progress import OnProgress, Report
from throughtime.errors import TextError

# So many names make a corpus' name; the others are counted.
_NAMES = 4


class Corpus:
    r"""A text, and where it came from.

    Two are equal if their names and their texts are.

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

    def __init__(self, name: str, text: str) -> None:
        if not text.strip():
            raise TextError(f"{name} is empty; expected text. Give another text.")
        self.name = name
        self._text = text

    @property
    def text(self) -> str:
        """The whole text at once."""
        return self._text

    def blocks(self, what: str = "reading", on_progress: OnProgress | None = None) -> Iterator[str]:
        """The text piece by piece, cut anywhere.

        Parameters
        ----------
        what : str
            What is done with it, for the reports.
        on_progress : callable, optional
            Told how many of the text's bytes have been taken.
        """
        report = Report(on_progress, what, self.size)
        done = 0
        for block in sliced(self._text):
            yield block
            done += len(_utf8(block))
            report.at(done)
        report.end(done)

    @cached_property
    def size(self) -> int:
        """The bytes of the text in UTF-8."""
        return sum(len(_utf8(block)) for block in sliced(self._text))

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the text's UTF-8 bytes, in hexadecimal: the file's own, if it is one file of LF lines."""
        running = hashlib.sha256()
        for block in sliced(self._text):
            running.update(_utf8(block))
        return running.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Corpus):
            return NotImplemented
        return (self.name, self.sha256) == (other.name, other.sha256)

    def __hash__(self) -> int:
        return hash((self.name, self.sha256))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}, {self.size:,} bytes>"


class FileCorpus(Corpus):
    """The text of files, read anew each time and never held whole; `read` makes one.

    Parameters
    ----------
    name : str
    files : list of TextFile
        A blank line parts two of them.
    skipped : list of str
        Files of named directories that are no text, and are not read.
    paths : list of str, or None
        What `read` was given, absolute, to read the same again; None if that cannot be.
    on_progress : callable, optional
        Told while the files are read and checked, in bytes of the files.

    Raises
    ------
    TextError
        A file is not text.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[TextFile],
        skipped: Sequence[str] = (),
        paths: Sequence[str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.name = name
        self.skipped = tuple(skipped)
        self.paths = None if paths is None else tuple(paths)
        self._files = tuple(files)
        report = Report(on_progress, "reading", sum(file.size for file in files))
        size, running = 0, hashlib.sha256()
        for block in self._joined(report):
            content = _utf8(block)
            size += len(content)
            running.update(content)
        report.end(sum(file.size for file in files))
        self.size, self.sha256 = size, running.hexdigest()

    @property
    def text(self) -> str:
        return "".join(self.blocks())

    def blocks(self, what: str = "reading", on_progress: OnProgress | None = None) -> Iterator[str]:
        """The text piece by piece, cut anywhere, as `Corpus.blocks` gives it.

        Raises
        ------
        TextError
            The files have changed since they were read first.
        """
        report = Report(on_progress, what, self.size)
        done, running = 0, hashlib.sha256()
        for block in self._joined(Report(None, what, None)):
            yield block
            content = _utf8(block)
            running.update(content)
            done += len(content)
            report.at(done)
        if running.hexdigest() != self.sha256:
            raise TextError(
                f"{self.name} has changed since it was read first; expected the same text again. Leave it alone "
                "until training has begun."
            )
        report.end(done)

    def _joined(self, report: Report) -> Iterator[str]:
        if len(self._files) == 1:
            yield from self._files[0].text(report.at)
            return
        before = 0
        for index, file in enumerate(self._files):
            if index:
                yield "\n\n"
            yield from _stripped(file.text(lambda at, before=before: report.at(before + at)))  # type: ignore[misc]
            before += file.size
        yield "\n"


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


def read(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], on_progress: OnProgress | None = None
) -> FileCorpus:
    """Read files of UTF-8 text, in the order given, as one corpus.

    Line ends become line feeds, a byte-order mark is dropped, and a blank line parts two files, so that no
    sentence runs from one into the next. All is checked now, but only blocks of the text are ever in memory.

    Parameters
    ----------
    paths : path or sequence of paths
        `"-"` is standard input. A file that gzip packed is unpacked. Of a directory all files are read, also those
        further down, in the order of their paths, except hidden, empty and binary ones.
    on_progress : callable, optional
        Called with a `Progress` at most ten times a second.

    Raises
    ------
    TextError
        A file is missing, unreadable, empty, binary, damaged, or not UTF-8; a directory has no text; or none is named.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if not paths:
        raise TextError("no file is named; expected at least one. Name a text file, or - for standard input.")
    names = [os.fspath(path) for path in paths]
    if names.count("-") > 1:
        raise TextError("standard input is named twice; expected - at most once. Remove one.")
    files: list[TextFile] = []
    skipped: list[str] = []
    called: list[str] = []
    for name in names:
        if name not in ("-", "") and os.path.isdir(name):
            found, left = text_files_in(name)
            count = f"{len(found)} file{'' if len(found) == 1 else 's'}"
            called.append(f"{Path(name).resolve().name or name} ({count})")
            files += found
            skipped += left
        else:
            file = TextFile(name, on_progress)
            called.append(file.name)
            files.append(file)
    shown = called if len(called) <= _NAMES else [*called[: _NAMES - 1], f"{len(called) - _NAMES + 1} more"]
    again = None if "-" in names else [os.path.abspath(name) for name in names]
    return FileCorpus(" + ".join(shown), files, skipped, again, on_progress)


def _stripped(blocks: Iterator[str]) -> Iterator[str]:
    """A text without the line feeds at its beginning and its end."""
    begun = False
    held = 0  # line feeds that may prove to be the last
    for block in blocks:
        block = block if begun else block.lstrip("\n")
        body = block.rstrip("\n")
        if body:
            yield "\n" * held + body
            begun, held = True, 0
        held += len(block) - len(body)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
