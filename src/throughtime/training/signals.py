"""Ctrl-C and SIGTERM: heard at once, obeyed between two updates."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Heard(Exception):  # it is no error
    """A signal has come, and everything is as it is between two updates.

    Attributes
    ----------
    signal : int
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


class Signals:
    """What has been asked of the process.

    Attributes
    ----------
    heard : int or None
        The first signal that came: 2 for Ctrl-C, 15 for SIGTERM.
    """

    def __init__(self) -> None:
        self.heard: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; take a second one at its word."""
        if self.heard is not None:
            raise KeyboardInterrupt
        self.heard = number

    def obey(self) -> None:
        """Raise `Heard` if a signal has come."""
        if self.heard is not None:
            raise Heard(self.heard)


@contextmanager
def listening() -> Iterator[Signals]:
    """Note Ctrl-C and SIGTERM while the block runs, instead of tearing an update apart.

    Only the main thread of Python may handle signals: in any other, nothing changes.
    """
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
