"""The command line, which stays for a while where it is told to, so that it can be killed just there.

    python -m tests.endurance.victim DESCRIPTOR MOMENT FILE COUNT train ...

The COUNTth time that it comes to that moment with a file whose directory and name contain FILE, it writes a byte to the descriptor
and goes on only when its standard input ends.
"""

import os
import stat
import sys
from pathlib import Path
from typing import Any

MOMENTS = {
    "opened": "the file is there, and empty",
    "half": "half of the file is written",
    "unsynced": "all of it is written, nothing flushed to the disk",
    "synced": "it has not got its name yet",
    "renamed": "it has its name; what it replaces is still to be removed",
    "pruning": "an older one is about to be removed",
    "evaluating": "within an evaluation",
    "updating": "within an update",
}


class Stay:
    """Counts down to the moment."""

    def __init__(self, descriptor: int, moment: str, file: str, count: int) -> None:
        self.descriptor, self.moment, self.file, self.count = descriptor, moment, file, count

    def at(self, moment: str, name: str = "") -> None:
        if moment != self.moment or self.file not in name:
            return
        self.count -= 1
        if self.count == 0:
            os.write(self.descriptor, b"!")
            os.read(0, 1)


class Halved:
    """A file whose every write has a middle."""

    def __init__(self, file: Any, stay: Stay, name: str) -> None:
        self._file, self._stay, self._name = file, stay, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Halved":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._stay.at("half", self._name)
        return half + int(self._file.write(content[half:]))


def wrap_files(stay: Stay) -> None:
    """Let the writing of files stay."""
    names: dict[int, str] = {}
    opened, synced, replaced, unlinked = Path.open, os.fsync, Path.replace, Path.unlink

    def name_of(path: Path) -> str:
        return f"{path.parent.name}/{path.name}"

    def open_(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        file = opened(path, mode, *args, **kwargs)
        if "b" in mode and mode[0] in "wa":
            names[file.fileno()] = name_of(path)
            stay.at("opened", name_of(path))
            return Halved(file, stay, name_of(path)) if stay.moment == "half" else file
        return file

    def fsync(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            stay.at("unsynced", names.get(descriptor, ""))
        synced(descriptor)

    def replace(path: Path, target: Path) -> Path:
        stay.at("synced", name_of(target))
        result = replaced(path, target)
        stay.at("renamed", name_of(target))
        return result

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if not path.name.startswith("."):
            stay.at("pruning", name_of(path))
        unlinked(path, missing_ok)

    Path.open, os.fsync, Path.replace, Path.unlink = open_, fsync, replace, unlink  # type: ignore[method-assign,assignment]


def wrap_training(stay: Stay) -> None:
    """Let updates and evaluations stay."""
    from throughtime.networks.language_model import LanguageModel

    def wrapped(function: Any, moment: str) -> Any:
        def staying(*args: Any, **kwargs: Any) -> Any:
            stay.at(moment)
            return function(*args, **kwargs)

        return staying

    LanguageModel.bptt = wrapped(LanguageModel.bptt, "updating")  # type: ignore[method-assign]
    LanguageModel.evaluate_loss = wrapped(LanguageModel.evaluate_loss, "evaluating")  # type: ignore[method-assign]


if __name__ == "__main__":
    from throughtime.cli.main import main

    descriptor, moment, file, count = sys.argv[1:5]
    stay = Stay(int(descriptor), moment, file, int(count))
    if moment in ("evaluating", "updating"):
        wrap_training(stay)
    else:
        wrap_files(stay)
    sys.exit(main(sys.argv[5:]))
