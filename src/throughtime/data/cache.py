"""Files as token ids on disk: tokenised once, then mapped into memory, so that memory does not grow with the text.

The ids of one text by one tokenizer are one sealed file (`throughtime.storage`) in the user's cache directory, or below
the directory that the environment variable THROUGHTIME_CACHE names. Its name is a hash of all that the ids depend on, so
it never has to be told that something has changed. All of its bytes are checked whenever it is opened; a damaged one is
named in a warning and made anew. It appears whole or not at all, and two programs that make the same one at once do not
disturb each other. Files that were not used for the longest time are removed when all together exceed 10 GB.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import unicodedata
import warnings
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import platformdirs
import tokenizers

from throughtime.data.corpus import Corpus, FileCorpus
from throughtime.data.progress import OnProgress
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import By, Tokens, pieces, smallest_dtype, tokens_in_memory
from throughtime.errors import DamagedError, WorkFailed
from throughtime.machine.arrays import Array
from throughtime.storage import Place, metadata, open_sealed, seal, sync_directory

# Parts of the key: another number wherever the same text and tokenizer give another file, or other sentences.
_FORMAT = 2
_SENTENCES = 1
_KEY = re.compile(r"[0-9a-f]{64}")
_LIMIT = 10 * 10**9  # bytes of all files together
_ABANDONED = 24 * 3600  # seconds after which an unfinished file has lost its writer
_SAFETENSORS = {"uint8": "U8", "uint16": "U16", "uint32": "U32"}
_LARGEST = 10**18  # tokens: keeps room in a header whose numbers are not known yet


def encode_corpus(
    corpus: Corpus, tokenizer: Tokenizer, by: By, on_progress: OnProgress | None = None
) -> Tokens:
    """The token ids of a text: of files through the cache, of a text in memory in memory.

    Parameters
    ----------
    corpus : Corpus
    tokenizer : Tokenizer
    by : "stream" or "sentence"
        Each sentence is tokenised for itself.
    on_progress : callable, optional
        Called with a `Progress` at most ten times a second.

    Warns
    -----
    UserWarning
        A file of the cache is damaged; or it cannot be written, and a temporary file takes its place.

    Raises
    ------
    TextError
        The files have changed since they were read first.
    WorkFailed
        The ids can be written neither to the cache nor to a temporary file.
    """
    if not isinstance(corpus, FileCorpus):
        return tokens_in_memory(corpus, tokenizer, by, on_progress)
    key = tokens_key(corpus, tokenizer, by)
    found = open_tokens(key)
    if found is not None:
        return dataclasses.replace(found, name=corpus.name, files=corpus.paths)
    directory = tokens_directory()
    unfinished = directory / f".{key}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("w+b") as file:
                tokens = _write(file, key, corpus, tokenizer, by, on_progress)
            unfinished.replace(_path(key))
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        reason = _reason(error)
        place = tempfile.gettempdir()
        warnings.warn(
            f"{directory} cannot keep the text's tokens ({reason}); expected a writable directory with room. They go to a "
            f"temporary file in {place}; set THROUGHTIME_CACHE to a directory to keep them.",
            stacklevel=2,
        )
        try:
            with tempfile.TemporaryFile() as temporary:
                return _write(cast(IO[bytes], temporary), None, corpus, tokenizer, by, on_progress)
        except OSError as error:
            raise WorkFailed(
                f"the text's tokens cannot be written to {directory} ({reason}), nor to {place} ({_reason(error)}); "
                "expected room for them. Set THROUGHTIME_CACHE to a directory that has it."
            ) from None
    sync_directory(directory)
    _prune(directory, keep=_path(key))
    return tokens


def tokens_key(corpus: Corpus, tokenizer: Tokenizer, by: By) -> str:
    """What a text's token ids are found by: a hash of all that they depend on."""
    # Sentences are cut by Python's `re`, and all text is composed, by the Unicode that this Python knows; words are cut
    # by `tokenizers`.
    rules = [_FORMAT, _SENTENCES, *sys.version_info[:2], unicodedata.unidata_version, tokenizers.__version__]
    content = json.dumps([*rules, corpus.sha256, tokenizer.to_json(), by])
    return hashlib.sha256(content.encode()).hexdigest()


def open_tokens(key: str) -> Tokens | None:
    """The token ids that were kept under a key, also where the text itself is gone; None if they are not there.

    Parameters
    ----------
    key : str
        As `tokens_key` gives it. Nothing else is looked for: it may come from a file that somebody has written.

    Warns
    -----
    UserWarning
        The file is damaged; it is removed.
    """
    if not _KEY.fullmatch(key):
        return None
    path = _path(key)
    try:
        places, about = open_sealed(path)
        if not _is_of(key, places, about):
            raise DamagedError(f"{path} holds another text's tokens; expected those of its name.")
        with path.open("rb") as file:
            tokens = _mapped(file, places, about)
        os.utime(path)  # used just now
    except DamagedError as error:
        found = str(error).partition(";")[0]
        warnings.warn(
            f"{found}; expected the file as it was written. It is removed, and the text tokenised again.",
            stacklevel=2,
        )
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    except OSError:
        return None
    return tokens


def _is_of(key: str, places: dict[str, Place], about: Any) -> bool:
    """Whether a sealed file is that of a key's tokens."""
    match about:
        case {"key": found, "name": str(), "text_sha256": str(), "unknown": int()}:
            return found == key and "ids" in places
    return False


def tokens_directory() -> Path:
    """Where the cache lies: in the user's cache directory, or below THROUGHTIME_CACHE."""
    chosen = os.environ.get("THROUGHTIME_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("throughtime")) / "tokens"


def _path(key: str) -> Path:
    return tokens_directory() / f"{key}.safetensors"


def _write(
    file: IO[bytes],
    key: str | None,
    corpus: FileCorpus,
    tokenizer: Tokenizer,
    by: By,
    on_progress: OnProgress | None,
) -> Tokens:
    """Write a sealed file of a text's tokens, as they come, and map it."""
    dtype = smallest_dtype(tokenizer)
    about = {"key": key, "name": corpus.name, "text_sha256": corpus.sha256, "unknown": _LARGEST}
    # The sizes are known at the end only. Spaces behind a header belong to the format.
    room = len(_header(about, dtype, _LARGEST, _LARGEST))
    file.seek(room)
    count = unknown = 0
    ends = 1  # where sentences end, and where the first begins
    with tempfile.TemporaryFile(dir=_directory_of(file)) as offsets:
        offsets.write(bytes(8))
        for ids in pieces(corpus, tokenizer, by, on_progress):
            file.write(ids.astype(dtype).tobytes())
            count += len(ids)
            unknown += tokenizer.count_unknown(ids)
            if by == "sentence":
                offsets.write(count.to_bytes(8, "little"))
                ends += 1
        if by == "sentence":
            offsets.seek(0)
            shutil.copyfileobj(offsets, file)
    about["unknown"] = unknown
    header = _header(about, dtype, count, ends if by == "sentence" else None)
    file.seek(0)
    file.write((room - 8).to_bytes(8, "little") + header[8:].ljust(room - 8))
    seal(file)
    places = {"ids": Place(dtype.str, (count,), room)}
    if by == "sentence":
        places["offsets"] = Place("<i8", (ends,), room + count * dtype.itemsize)
    return dataclasses.replace(_mapped(file, places, about), files=corpus.paths)


def _header(about: Any, dtype: np.dtype[Any], count: int, ends: int | None) -> bytes:
    """The beginning of a safetensors file: its length in 8 bytes, then JSON."""
    end = count * dtype.itemsize
    table: dict[str, Any] = {
        "__metadata__": metadata(about),
        "ids": {"dtype": _SAFETENSORS[dtype.name], "shape": [count], "data_offsets": [0, end]},
    }
    if ends is not None:
        table["offsets"] = {"dtype": "I64", "shape": [ends], "data_offsets": [end, end + 8 * ends]}
    content = json.dumps(table).encode()
    return len(content).to_bytes(8, "little") + content


def _mapped(file: IO[bytes], places: dict[str, Place], about: Any) -> Tokens:
    ids = _map(file, places["ids"])
    offsets = _map(file, places["offsets"]) if "offsets" in places else None
    return Tokens(about["name"], about["text_sha256"], ids, offsets, about["unknown"], about["key"])


def _map(file: IO[bytes], place: Place) -> Array:
    if place.shape == (0,):  # nothing cannot be mapped
        return np.zeros(0, place.dtype)
    return np.asarray(np.memmap(file, place.dtype, "r", place.offset, place.shape))


def _prune(directory: Path, keep: Path) -> None:
    """Remove what was not used for longest, beyond the limit, and what nobody is writing any more."""
    with contextlib.suppress(OSError):
        for path in directory.glob(".*"):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
        kept = [(path.stat(), path) for path in directory.glob("*.safetensors")]
        size = 0
        for status, path in sorted(kept, key=lambda entry: -entry[0].st_mtime):
            size += status.st_size
            if size > _LIMIT and path != keep:
                path.unlink()


def _directory_of(file: IO[bytes]) -> str | None:
    """Where a file with a name lies; None for one without."""
    return os.path.dirname(file.name) if isinstance(file.name, str) else None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
