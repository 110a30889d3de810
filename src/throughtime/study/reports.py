"""What a study leaves for its readers, brought up to date while it runs."""

from pathlib import Path
from time import monotonic

from throughtime.study.page import PAGE, write_page
from throughtime.study.plan import Study
from throughtime.study.run import Progress, found_of
from throughtime.study.table import TABLE, rows_of, write_table

# Writing takes some hundredths of a second.
_SECONDS = 10.0


class Reports:
    """The table and the page of a study.

    Parameters
    ----------
    study : Study
    path : Path
        The directory.

    Attributes
    ----------
    path, table, page : Path
    """

    def __init__(self, study: Study, path: Path) -> None:
        self._study = study
        self._progress: Progress | None = None
        self._written: float | None = None
        self.path, self.table, self.page = path, path / TABLE, path / PAGE

    @property
    def done(self) -> int | None:
        """Trials that have a result; None before anything has been heard."""
        return None if self._progress is None else self._progress.done

    def hear(self, progress: Progress) -> None:
        """Take account of a trial that has ended; what was written a while ago is written anew."""
        self._progress = progress
        if progress.ended is not None and (self._written is None or monotonic() - self._written > _SECONDS):
            self.write()

    def write(self) -> None:
        """Write what has been found so far, if there is any."""
        if self._progress is None or not self.done:
            return
        found = found_of(self._study.trials, self._progress.results)
        write_table(self.table, rows_of(found))
        write_page(self.page, self._study, found)
        self._written = monotonic()
