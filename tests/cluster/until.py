"""Other processes: waiting for them, with an end, and leaving none behind."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress


@contextmanager
def program(command, **settings):
    """A program in a session of its own, as in a terminal: it hears Ctrl-C. Nothing of it outlives the block."""
    with subprocess.Popen(
        command,
        start_new_session=True,
        # Whatever started the tests in the background may have had them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    ) as running:
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def until(condition, seconds=60):
    """Wait for a condition, and fail if it does not come true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def alive(pid):
    """Whether a process has not ended; one that nobody has asked for its exit code yet has."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def working(session):
    """The processes of a session that have not ended."""
    found = subprocess.run(
        ["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 2) for line in found.splitlines()]
    return [args for sid, state, args in lines if sid == str(session) and not state.startswith("Z")]
