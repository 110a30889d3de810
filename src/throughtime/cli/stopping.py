"""Signals outside the training loop, and how to go on after one."""

import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from throughtime.errors import Interrupted


class Terminated(KeyboardInterrupt):
    """SIGTERM has come: what Ctrl-C would stop is stopped.

    Attributes
    ----------
    signal : int
        15.
    """

    signal = int(signal.SIGTERM)

    def __init__(self) -> None:
        super().__init__("terminated")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise Terminated while the block runs; only the main thread of Python may handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def saying_how_to_go_on(path: Path) -> Iterator[None]:
    """Where the block is torn apart, as by a second Ctrl-C, say how the run in `path` goes on, if there is one.

    Raises
    ------
    Interrupted
        Instead of a KeyboardInterrupt that does not say it.
    """
    from throughtime.training.directory import CONFIG

    try:
        yield
    except Interrupted:
        raise  # it has said so
    except KeyboardInterrupt as stop:
        if not (path / CONFIG).exists():
            raise
        raise Interrupted(
            f"{str(stop) or 'interrupted'}; the run so far lies in {path}. Go on with: "
            f"{program()} train --resume --out {shlex.quote(str(path))}",
            getattr(stop, "signal", int(signal.SIGINT)),
        ) from None


def program() -> str:
    """What to type for this program: its name where a shell finds it, otherwise what was typed this time."""
    if shutil.which("throughtime"):
        return "throughtime"
    called = Path(sys.argv[0])
    return str(called) if called.name == "throughtime" else f"{sys.executable} -m throughtime"


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
