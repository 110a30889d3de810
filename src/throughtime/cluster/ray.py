"""Jobs on a Ray cluster: each a task on one processor, begun again where a process or a machine dies."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from types import TracebackType
from typing import Any

import throughtime
from throughtime.cluster.engine import Job, Result, Shared
from throughtime.cluster.processes import THREADS
from throughtime.cluster.ray_connection import LOCAL, RETRIES, connected
from throughtime.cluster.waiting import next_ended
from throughtime.errors import ArgumentError, LostError
from throughtime.extras import require

require("ray", "ray")
import ray  # noqa: E402
from ray.exceptions import (  # noqa: E402
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

_GRACE = 5  # seconds in which a job that is given up is to end by itself


class RayCluster(AbstractContextManager["RayCluster"]):
    """An engine of a Ray cluster, connected while the block runs.

    Where this process is connected to a cluster already, that one is used, and stays connected.

    Parameters
    ----------
    address : str
        "local" starts a cluster of this machine, which ends with the block; "auto" is the one that runs on this machine or
        that RAY_ADDRESS names; others are HOST:PORT, and ray://HOST:PORT.
    width : int, optional
        Jobs at a time; by default one for each processor of the cluster.

    Raises
    ------
    ArgumentError
        The address is none, or this process is connected to another cluster.
    LostError
        On entering: the cluster cannot be reached, or has another Python or Ray.

    Examples
    --------
    >>> from operator import add
    >>> with RayCluster("local", width=2) as engine:  # doctest: +SKIP
    ...     dict(engine.run(add, [1, 2, 3], 10))
    {0: 11, 1: 12, 2: 13}
    """

    def __init__(self, address: str, width: int | None = None) -> None:
        if address not in (LOCAL, "auto") and ":" not in address:
            raise ArgumentError(
                f"the address {address} found; expected that of a Ray cluster. Write local, auto, HOST:PORT or ray://HOST:PORT."
            )
        self._address, self._limit = address, width
        self._undo = ExitStack()
        self._is_here = False

    def __enter__(self) -> "RayCluster":
        with ExitStack() as undo:
            if ray.is_initialized():
                self._require_connected()
            else:
                undo.enter_context(connected(self._address, self._limit))
                self._is_here = self._address == LOCAL
            if self.width < 1:
                raise LostError(
                    f"the Ray cluster {self._address} has no processor; expected at least one. Start a node: ray start "
                    "--address HOST:PORT."
                )
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def width(self) -> int:
        """Jobs at a time: one for each processor that the cluster has now, and no more than was asked for."""
        found = int(ray.cluster_resources().get("CPU", 0))
        return found if self._limit is None else min(self._limit, found)

    @property
    def sees_files(self) -> bool:
        """Whether its machines are this one alone; of a cluster that was there before, nobody knows."""
        return self._is_here

    def run(
        self, work: Callable[[Job, Shared], Result], jobs: Sequence[Job], shared: Shared
    ) -> Iterator[tuple[int, Result]]:
        """As `Engine` has it."""
        call = ray.remote(_portable()).options(num_cpus=1, max_retries=RETRIES)
        ours = _versions()
        paths = sys.path if self._address == LOCAL else []
        # In a list a reference stays one: a worker is asked who it is before it looks at what it stands for.
        kept = [ray.put(shared)]
        to_come = enumerate(jobs)
        # Waited for as Python's own: in ray.wait every signal becomes Ctrl-C.
        pending: dict[Future[Any], tuple[int, Any]] = {}

        def begin(count: int) -> None:
            for index, job in islice(to_come, count):
                made = ray.cloudpickle.dumps((work, job))
                task = call.remote(ours, paths, THREADS, made, kept)
                pending[task.future()] = index, task

        try:
            begin(self._limit or len(jobs))
            while pending:
                each = next_ended(pending)
                index, _ = pending.pop(each)
                begin(1)
                yield index, _result(each, ours)
        finally:
            for force in (False, True):  # nobody waits for them any more; they may tidy up before they end
                if pending and ray.is_initialized():
                    for _, task in pending.values():
                        ray.cancel(task, force=force)
                    _, rest = wait(pending, timeout=_GRACE)
                    pending = {each: pending[each] for each in rest}

    def _require_connected(self) -> None:
        """Raise ArgumentError if this process is connected to another cluster than is asked for."""
        found = ray.get_runtime_context().gcs_address
        if self._address not in (LOCAL, "auto", found):
            raise ArgumentError(
                f"the Ray cluster {self._address} found while this process is connected to {found}; expected the same. Call "
                "ray.shutdown() before, or pass auto to use that one."
            )


def _versions() -> tuple[str, str]:
    """Of throughtime and Python; pickles of another are not ours."""
    return throughtime.__version__, f"{sys.version_info.major}.{sys.version_info.minor}"


def _portable() -> Callable[..., tuple[tuple[str | None, str], Any]]:
    """What a worker is to do: a function that travels with its code, as the worker may lack throughtime."""

    def call(
        ours: tuple[str, str], paths: list[str], threads: tuple[str, ...], made: bytes, kept: list[Any]
    ) -> tuple[tuple[str | None, str], Any]:
        import os
        import pickle
        import sys

        import ray

        # What this program can import a worker of the same machine can: `multiprocessing` does so, too.
        sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
        os.environ.update(dict.fromkeys(threads, "1"))  # libraries look when they are loaded
        version = None
        try:
            import throughtime

            version = throughtime.__version__
        except ImportError:
            pass
        theirs = version, f"{sys.version_info.major}.{sys.version_info.minor}"
        if theirs != ours:
            return theirs, None
        work, job = pickle.loads(made)
        return theirs, work(job, ray.get(kept[0]))

    return call


def _result(ended: Future[Any], ours: tuple[str, str]) -> Any:
    """What came of a job.

    Raises
    ------
    LostError
        What ran it died again and again, or is not fit to run it.
    Exception
        The job's own.
    """
    try:
        theirs, result = ended.result()
    except RayTaskError as error:
        raise error.cause from error
    except (WorkerCrashedError, NodeDiedError, OutOfMemoryError) as error:
        raise LostError(
            f"a job was lost {RETRIES + 1} times, as its process or its machine died ({type(error).__name__}), perhaps for want "
            "of memory; expected it to come to its end. Free memory, or run fewer at a time."
        ) from error
    except RayError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise LostError(
            f"the Ray cluster has lost a job ({type(error).__name__}: {reason}); expected it to come to its end. See ray status, "
            "and try again."
        ) from error
    if theirs != ours:
        version, python = theirs
        found = "no throughtime" if version is None else f"throughtime {version}"
        raise LostError(
            f"a machine of the Ray cluster has {found} in Python {python}; expected throughtime {ours[0]} in Python {ours[1]}, as "
            f"here. Install that on every machine: pip install throughtime=={ours[0]}."
        )
    return result
