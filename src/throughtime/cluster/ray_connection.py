"""The connection to a Ray cluster: it leaves this process as it was, and what goes wrong is told in one line."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory, gettempdir
from types import ModuleType
from typing import Any

from throughtime.cluster.processes import cores
from throughtime.errors import LostError
from throughtime.extras import require

require("ray", "ray")
import ray  # noqa: E402
from ray._private import ray_constants, worker  # noqa: E402

LOCAL = "local"
"""What stands for a cluster of this machine alone, that lives as long as it is used."""

RETRIES = 3
"""How often a job is begun again whose process or machine has died."""

_PATIENCE = 30  # seconds in which a cluster is to answer


@contextmanager
def connected(address: str, limit: int | None) -> Iterator[None]:
    """Start a cluster, or reach one, and stay connected while the block runs.

    Parameters
    ----------
    address : str
        As `RayCluster` has it.
    limit : int or None
        The processors of a cluster that is started; by default those of this machine.

    Raises
    ------
    LostError
        It cannot be started, or reached.
    """
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with ExitStack() as undo:
        # It prints what becomes of its processes, also where the logs of workers are not asked for.
        undo.enter_context(_instead(worker, "print_worker_logs", lambda *data: None))
        with ExitStack() as starting:
            if address == LOCAL:
                # Of its own: in Ray's usual one, which it leaves behind, other programs look for clusters.
                # The name of a socket in it may have some 100 characters, which macOS' usual place would exceed.
                parent = "/tmp" if sys.platform == "darwin" else None
                place = undo.enter_context(
                    TemporaryDirectory(prefix="ray-", dir=parent, ignore_cleanup_errors=True)
                )
                settings |= {"num_cpus": limit or cores(), "include_dashboard": False, "_temp_dir": place}
                # Listen to this machine alone, as Ray does by default on macOS and Windows: it takes 127.0.0.1 as an
                # argument for the name of an address that others reach. From 2.59 on it also asks for a token, which it
                # keeps in ~/.ray, unless RAY_AUTH_MODE says otherwise; that is left to it.
                starting.enter_context(_instead(ray_constants, "ENABLE_RAY_CLUSTER", False))
            else:
                _require_reachable(address)
            starting.enter_context(_own_signals())
            starting.enter_context(_own_environment())
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that it is used
            # Jobs that its watch over the memory ends would be begun again without an end.
            os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
            # A cluster of this machine works for nobody else: beside other programs its jobs, by default the nicest of all,
            # would hardly get on.
            os.environ.setdefault("RAY_worker_niceness", "0")
            undo.callback(_disconnect)
            try:
                ray.init(address, **settings)
            except Exception as error:  # Ray's own are of many kinds
                raise _unreachable(address, str(error)) from error
        yield


def _disconnect() -> None:
    with _own_environment():
        ray.shutdown()


def _require_reachable(address: str) -> None:
    """Raise LostError unless the cluster takes a program of our kind.

    Asked in a process of its own: where no cluster answers, Ray waits for minutes and writes on stderr.
    """
    try:
        found = subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(address, f"no answer within {_PATIENCE} seconds") from None
    if found.returncode:
        raise _unreachable(address, found.stdout or found.stderr)


_PROBE = """
import logging, sys
import ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except Exception as error:
    sys.exit(print(error) or 1)
"""


def _unreachable(address: str, reason: str) -> LostError:
    reason = " ".join(reason.split()).rstrip(".")
    if address == LOCAL:
        return LostError(
            f"a Ray cluster of this machine cannot be started ({reason}); expected room for it in memory and in {gettempdir()}. Set "
            "TMPDIR to another directory, or do without Ray."
        )
    return LostError(
        f"the Ray cluster {address} cannot be used ({reason}); expected one that answers, with the Python and the Ray of this "
        "program. Check the address, or start one: ray start --head."
    )


@contextmanager
def _own_environment() -> Iterator[None]:
    """Undo what is done to environment variables within the block, which is Ray's."""
    found = dict(os.environ)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name not in found]:
            del os.environ[name]
        os.environ.update(found)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Give the handling of SIGTERM, which Ray takes, back when the block ends; in other threads Ray leaves it alone."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        # None stands for a handler that is not Python's, which cannot be given back.
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _instead(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Put something else in the place of what Ray has no argument for.

    In a Ray that has nothing of that name nothing is changed: it may then print what becomes of its processes, or listen to
    other machines, too.
    """
    if not hasattr(module, name):
        yield
        return
    found = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, found)
