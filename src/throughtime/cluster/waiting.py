"""Waiting for jobs that run elsewhere."""

from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any


def next_ended(pending: Collection[Future[Any]]) -> Future[Any]:
    """Wait for one to end; of several that have, take one without an error: results come before what ends the iteration."""
    ended, _ = wait(pending, return_when=FIRST_COMPLETED)
    return min(ended, key=lambda each: each.exception() is not None)
