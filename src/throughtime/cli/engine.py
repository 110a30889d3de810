"""Where a verb's trials run: in processes of this machine, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughtime.cluster.engine import Engine


@contextmanager
def engine(jobs: int | None, ray: str | None = None) -> "Iterator[Engine]":
    """An engine for so many jobs at a time; None leaves that to the machine or the cluster."""
    from throughtime.cluster.processes import Processes

    yield Processes(jobs)
