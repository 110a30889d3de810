"""Files of text as streams of characters: opened, unpacked and decoded a block at a time."""

import codecs
import contextlib
import gzip
import io
import os
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from throughtime.data import blocks
from throughtime.data.progress import OnProgress, Report
from throughtime.errors import TextError

# UTF-16 text is full of NUL bytes; its mark tells it from a truly binary file. UTF-32's begins the same way.
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_GZIP_MARK = b"\x1f\x8b"  # no UTF-8 text begins like this
# A file found in a directory is taken for binary if there is a NUL byte so early, as grep and git do.
_SNIFFED = 8192


class TextFile:
    """One file of UTF-8 text, that can be read more than once.

    Parameters
    ----------
    path : str
        Standard input is `-`. It, and anything else that can be read but once, is copied to a temporary file, which
        is gone when the program ends.
    on_progress : callable, optional
        Told of that copying.

    Attributes
    ----------
    name : str
        What to call it in reports.
    size : int
        Bytes on disk.

    Raises
    ------
    TextError
        There is no such file, or it cannot be read.
    """

    def __init__(self, path: str, on_progress: OnProgress | None = None) -> None:
        self._path = path
        self._shown = "standard input" if path == "-" else one_line(path)
        self.name = "stdin" if path == "-" else Path(path).name
        self._spool: IO[bytes] | None = None
        if path == "-":
            self._spool = self._copied(sys.stdin.buffer, on_progress)
        else:
            with self._opened_by_name() as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    self._spool = self._copied(file, on_progress)
        if self._spool is not None:
            status = os.fstat(self._spool.fileno())
        self.size = status.st_size

    def text(self, tell: Callable[[int], object] = lambda at: None) -> Iterator[str]:
        """The text, block by block: a byte-order mark dropped, line ends made line feeds.

        Parameters
        ----------
        tell : callable
            Told before each block how many of the file's bytes are read.

        Raises
        ------
        TextError
            The file is empty, binary, not UTF-8, or not what gzip wrote.
        """
        with self._opened() as (file, raw):
            for block in self._decoded(raw):
                tell(file.tell())
                yield block

    def looks_binary(self) -> bool:
        """Whether there is a NUL byte near its beginning, or nothing at all."""
        with self._opened() as (_, raw), self._reading():
            begin = raw.read(_SNIFFED)
        return not begin or b"\0" in begin

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        """The file at its beginning, and what is read of it: itself, or what was packed."""
        with self._reading():
            opened = self._opened_by_name() if self._spool is None else _again(self._spool)
        with opened as file:
            with self._reading():
                raw = self._unpacked(file) if self._is_packed(file) else file
            yield file, raw

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """What goes wrong with the file in the block is told as a TextError."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise TextError(
                f"{self._shown} is a damaged gzip file ({reason}); expected text that gzip packed. Get it again, or "
                "give it another name if it was never packed."
            ) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _opened_by_name(self) -> IO[bytes]:
        try:
            if not self._path:
                raise FileNotFoundError
            return Path(self._path).open("rb")
        except FileNotFoundError:
            raise TextError(f"{self._shown} does not exist; expected a text file. Check the path.") from None
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> TextError:
        reason = getattr(error, "strerror", None) or error
        return TextError(
            f"{self._shown} cannot be read ({reason}); expected a readable text file. Check its name and permissions."
        )

    def _copied(self, stream: IO[bytes], on_progress: OnProgress | None) -> IO[bytes]:
        """A copy on disk without a name: the system removes it, however the program ends."""
        report = Report(on_progress, "reading", None)
        with self._keeping():
            spool = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115  # open as long as `self` lives
        weakref.finalize(self, spool.close)
        for block in self._once(stream):
            with self._keeping():
                spool.write(block)
            report.at(spool.tell())
        with self._keeping():
            spool.flush()
        return spool

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        """What goes wrong with the copy in the block is told as a TextError."""
        try:
            yield
        except OSError as error:
            raise TextError(
                f"{self._shown} cannot be kept in {tempfile.gettempdir()} ({error.strerror}); expected room for all of "
                "it, as it is read more than once. Set TMPDIR to a directory with more room."
            ) from None

    def _once(self, stream: IO[bytes]) -> Iterator[bytes]:
        try:
            while block := stream.read(blocks.BLOCK):
                yield block
        except OSError as error:
            raise self._unreadable(error) from None

    def _is_packed(self, file: IO[bytes]) -> bool:
        begin = file.read(len(_GZIP_MARK))
        file.seek(0)
        return begin == _GZIP_MARK or self._path.endswith(".gz")

    def _unpacked(self, file: IO[bytes]) -> IO[bytes]:
        # Buffered: gzip's own reader may give fewer bytes than are asked for.
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file)))

    def _decoded(self, raw: IO[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        offset = 0
        begun = spoken = False
        ended = False
        while not ended:
            with self._reading():
                block = raw.read(blocks.BLOCK)
            ended = not block
            self._require_text(block, offset)
            unread = len(decoder.getstate()[0])  # bytes of a character that the last block left unfinished
            try:
                text = newlines.decode(decoder.decode(block, final=ended), final=ended)
            except UnicodeDecodeError as error:
                raise TextError(
                    f"{self._shown} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset "
                    f"{offset - unread + error.start}; expected UTF-8 text. Convert it, if it is Latin-1 so: "
                    "iconv -f LATIN1 -t UTF-8 OLD > NEW."
                ) from None
            offset += len(block)
            if text and not begun:
                begun = True
                text = text.removeprefix("\ufeff")
            if text:
                spoken = spoken or not text.isspace()
                yield text
        if not spoken:
            raise TextError(f"{self._shown} is empty; expected text. Give another file.")

    def _require_text(self, block: bytes, offset: int) -> None:
        if offset == 0 and block.startswith(_UTF16_MARKS):
            raise TextError(
                f"{self._shown} is UTF-16; expected UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW."
            )
        nul = block.find(b"\0")
        if nul >= 0:
            raise TextError(
                f"{self._shown} is binary: a NUL byte at offset {offset + nul}; expected UTF-8 text. Give a text file."
            )


def _again(spool: IO[bytes]) -> IO[bytes]:
    """A copy's beginning. Its position is shared with whoever else reads it, which nobody does at once."""
    file = os.fdopen(os.dup(spool.fileno()), "rb")
    file.seek(0)
    return file


def text_files_in(directory: str) -> tuple[list[TextFile], list[str]]:
    """The files of text in a directory and in those below it, in the order of their paths.

    What is hidden is left out, and so are links to directories; what is empty or looks binary is skipped, as it is
    not named by anyone.

    Returns
    -------
    (files, skipped)
        `skipped` are paths.

    Raises
    ------
    TextError
        A directory cannot be read, or none of the files is text.
    """
    shown = one_line(directory)

    def refuse(error: OSError) -> None:
        raise TextError(
            f"{one_line(str(error.filename))} cannot be read ({error.strerror}); expected a readable directory. "
            "Check its permissions."
        )

    paths: list[Path] = []
    for parent, below, names in os.walk(directory, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        here = (Path(parent, name) for name in names if not name.startswith("."))
        paths += [path for path in here if path.is_file()]
    files: list[TextFile] = []
    skipped: list[str] = []
    for path in sorted(paths):
        file = TextFile(str(path))
        if file.looks_binary():
            skipped.append(str(path))
        else:
            files.append(file)
    if not files:
        found = "no text, only binary or empty files" if skipped else "no files"
        raise TextError(
            f"{shown} is a directory with {found}; expected text files in it. Name another directory, or a file."
        )
    return files, skipped


def one_line(name: str) -> str:
    """A file's name as it can be shown."""
    return name if name.isprintable() and name else repr(name)
