"""What runs jobs side by side, wherever that is."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Shared = TypeVar("Shared")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs jobs side by side, each on one thread.

    Attributes
    ----------
    width : int
        How many run at a time, as far as is known.
    sees_files : bool
        Whether jobs see the files of this machine, by the same absolute names.
    """

    @property
    def width(self) -> int:
        """How many run at a time, as far as is known."""

    @property
    def sees_files(self) -> bool:
        """Whether jobs see the files of this machine, by the same absolute names."""

    def run(
        self, work: Callable[[Job, Shared], Result], jobs: Sequence[Job], shared: Shared
    ) -> Iterator[tuple[int, Result]]:
        """Run work(job, shared) for each job.

        Parameters
        ----------
        work : callable
            A function of a module, which other processes can import.
        jobs : sequence
        shared : object
            What all of them need, such as a text; sent once to wherever they run.

        Yields
        ------
        index, result
            As soon as a job has ended, whatever the order: its place in `jobs`, and what came of it.

        Raises
        ------
        LostError
            A job cannot be run to its end, as what runs it dies. Like any error of a job, it comes after the results that
            there are by then.

        Notes
        -----
        When the iteration is given up, jobs under way are ended, and others do not begin.
        """
