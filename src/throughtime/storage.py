"""Files that a crash leaves whole, and whose damage shows.

A *sealed* file is a safetensors file with one entry of metadata, JSON {"sha256": ..., "about": ...}: its digest is
taken over all of its bytes, with its own 64 digits as zeros. Whoever knows safetensors can read it; a single byte that
has changed is found.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from throughtime.errors import DamagedError

_ENTRY = "throughtime"
_DIGITS = 64
_BLANK = "0" * _DIGITS
# How the digest begins where the metadata stands in the header: JSON within JSON, so quotes are escaped.
_MARK = rb"{\"sha256\":\""
_BLOCK = 1 << 20
_LENGTH_BYTES = 8  # of a safetensors header, little-endian
# The names of safetensors' types that NumPy has as well.
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "I64": "<i8",
    "I32": "<i4",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


@dataclass(frozen=True)
class Place:
    """Where an array lies in a sealed file: what `numpy.memmap` asks for.

    Attributes
    ----------
    dtype : str
        NumPy's name.
    shape : tuple of int
    offset : int
        Bytes from the file's beginning.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, even if the power fails.

    Raises
    ------
    OSError
        It cannot be written; what stood there before is as it was.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        # A full disk shows while writing, where Python does not say which file it was.
        raise type(error)(error.errno, error.strerror, str(path)) from error
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory last, too, where the system knows how."""
    with contextlib.suppress(OSError):  # not every system can open a directory
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def save_sealed(path: Path, arrays: Mapping[str, NDArray[Any]], about: Any) -> None:
    """Write arrays, and facts that are fit for JSON, as one sealed file that appears whole or not at all.

    The same arrays and facts give the same bytes.

    Raises
    ------
    OSError
        It cannot be written; what stood there before is as it was.
    """
    # The format knows only C order.
    ordered = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    content = bytearray(save(ordered, metadata=metadata(about)))
    at = _digits(content)
    content[at : at + _DIGITS] = hashlib.sha256(content).hexdigest().encode()
    write_whole(path, bytes(content))


def load_sealed(path: Path) -> tuple[dict[str, NDArray[Any]], Any]:
    """The arrays and the facts of a sealed file.

    Raises
    ------
    DamagedError
        A byte of it has changed, or it is no sealed file.
    OSError
        It cannot be read.
    """
    content = bytearray(path.read_bytes())
    with _as_damage(path):
        about, found = _facts(content)
        at = _digits(content)
        content[at : at + _DIGITS] = _BLANK.encode()
        _compare(hashlib.sha256(content).hexdigest(), found)
        return load(bytes(content)), about


def part_of(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """Those of a file's arrays that are called "name/...", by what follows."""
    begin = f"{name}/"
    return {key.removeprefix(begin): array for key, array in arrays.items() if key.startswith(begin)}


def as_python(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's: what `json.dumps` asks for by `default`."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} found; expected what JSON knows.")


def metadata(about: Any) -> dict[str, str]:
    """A sealed file's metadata, its digest still blank."""
    # Facts first met as NumPy's numbers are Python's here. NaN is allowed: a loss may be one.
    return {_ENTRY: json.dumps({"sha256": _BLANK, "about": about}, separators=(",", ":"), default=as_python)}


def seal(file: IO[bytes]) -> None:
    """Fill in the digest of a safetensors file that was written with `metadata`.

    Parameters
    ----------
    file : binary file, open for reading and writing
    """
    file.seek(0)
    at = _digits(_header(file))
    digest = _digest(file, at)
    file.seek(at)
    file.write(digest.encode())
    file.flush()
    os.fsync(file.fileno())


def open_sealed(path: Path) -> tuple[dict[str, Place], Any]:
    """Where the arrays of a sealed file lie, and its facts, all of its bytes checked a block at a time.

    For files that are mapped instead of read.

    Raises
    ------
    DamagedError
        A byte of it has changed, or it is no sealed file.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file, _as_damage(path):
        header = _header(file)
        about, found = _facts(header)
        _compare(_digest(file, _digits(header)), found)
        table = json.loads(header[_LENGTH_BYTES:])
        size = os.fstat(file.fileno()).st_size - len(header)
        places = {
            name: _place(entry, len(header), size) for name, entry in table.items() if name != "__metadata__"
        }
    return places, about


def _place(entry: Any, begin: int, size: int) -> Place:
    """Where an array lies behind a header of `begin` bytes, before `size` bytes of arrays."""
    place = Place(_DTYPES[entry["dtype"]], tuple(entry["shape"]), begin + entry["data_offsets"][0])
    first, end = entry["data_offsets"]
    if (
        not 0 <= first <= end <= size
        or end - first != math.prod(place.shape) * np.dtype(place.dtype).itemsize
    ):
        raise ValueError("its arrays are not where it says")
    return place


def _header(file: IO[bytes]) -> bytes:
    """The header with its length in front; the file stands behind it afterwards."""
    length = file.read(_LENGTH_BYTES)
    size = int.from_bytes(length, "little")
    if size > os.fstat(file.fileno()).st_size:
        raise ValueError("its header is longer than the file")
    return length + file.read(size)


def _facts(content: bytes | bytearray) -> tuple[Any, str]:
    """What a file is about, and its digest."""
    size = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(bytes(content[_LENGTH_BYTES : _LENGTH_BYTES + size]))
    entry = json.loads(header["__metadata__"][_ENTRY])
    return entry["about"], entry["sha256"]


def _digits(content: bytes | bytearray) -> int:
    """Where the digest's digits begin."""
    at = content.find(_MARK)
    if at < 0:
        raise ValueError("it has no digest")
    return at + len(_MARK)


def _digest(file: IO[bytes], at: int) -> str:
    """SHA-256 of a whole file, with the 64 bytes at `at` as zeros."""
    file.seek(0)
    running = hashlib.sha256(file.read(at))
    running.update(_BLANK.encode())
    file.seek(at + _DIGITS)
    while block := file.read(_BLOCK):
        running.update(block)
    return running.hexdigest()


def _compare(digest: str, found: str) -> None:
    if digest != found:
        raise ValueError("its bytes and its SHA-256 differ")


@contextlib.contextmanager
def _as_damage(path: Path) -> Any:
    try:
        yield
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DamagedError(
            f"{path} is damaged ({reason}); expected the file as it was written. Remove it, or put a copy back."
        ) from None
