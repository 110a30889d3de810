"""What an estimator learns from, read and found to be in order."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from throughtime.machine.arrays import Array
from throughtime.sklearn.sequences import Sequences
from throughtime.sklearn.stopping import hold_out


@dataclass(frozen=True)
class Lesson:
    """Sequences and what is to be told of them.

    Attributes
    ----------
    sequences : Sequences
    rows : array-like (R,) or (R, O)
        Of y, one for each sequence or each step.
    targets : array (R, ...)
        The same as the model takes them.
    at : "last" or "every"
    learned : dict
        Attributes of the estimator that begins with this lesson; empty where it goes on.
    """

    sequences: Sequences
    rows: Any
    targets: Array
    at: str
    learned: dict[str, Any]

    def divided(
        self, fraction: float, alike: Any, random: np.random.RandomState
    ) -> tuple["Lesson", "Lesson"]:
        """What to learn from, and a share to score by: `hold_out` has the arguments, and what is raised."""
        learned, scored = hold_out(len(self.sequences), fraction, alike, random)
        return self._take(learned), self._take(scored)

    def _take(self, chosen: Array) -> "Lesson":
        rows = self.sequences.rows_of(chosen) if self.at == "every" else chosen
        return replace(
            self,
            sequences=self.sequences.take(chosen),
            rows=np.asarray(self.rows)[rows],
            targets=self.targets[rows],
        )


def columns_of(X: Any) -> dict[str, Any]:
    """The number of columns of a table, and their names if it has some, as attributes of an estimator."""
    reader = (
        BaseEstimator()
    )  # scikit-learn reads them into an estimator: the one that learns is not to change yet
    validate_data(reader, X, skip_check_array=True)
    return {**vars(reader)}
