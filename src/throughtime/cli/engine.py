"""Where a verb's trials run: in processes of this machine, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughtime.cluster.engine import Engine

RAY = "Run them on a Ray cluster: its address, or local for one of this machine."
"""The help of the option --ray."""


@contextmanager
def engine(jobs: int | None, ray: str | None = None) -> "Iterator[Engine]":
    """An engine for so many jobs at a time; None leaves that to the machine or the cluster.

    Raises
    ------
    MissingError, ArgumentError, LostError
        Ray is not installed, or its cluster cannot be reached.
    """
    if ray is None:
        from throughtime.cluster.processes import Processes

        yield Processes(jobs)
    else:
        from throughtime.cluster.ray import RayCluster

        with RayCluster(ray, jobs) as cluster:
            yield cluster
