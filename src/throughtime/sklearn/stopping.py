"""When learning ends by itself, which weights are the best so far, and what is held out to tell."""

import math
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.networks.sequence_model import SequenceModel


class Stopping:
    """Patience with a score, the higher the better, that is heard after each epoch.

    Parameters
    ----------
    model : SequenceModel
        Whose weights are kept where the score is the best so far.
    tol : float
        An epoch counts as better if its score is higher by so much than the best before.
    patience : int
        Learning is to end after more epochs than these in a row that are no better.
    """

    def __init__(self, model: SequenceModel, tol: float, patience: int) -> None:
        self._model, self._tol, self._patience = model, tol, patience
        self.best = -math.inf
        self._kept = model.params
        self._waited = 0

    @property
    def due(self) -> bool:
        """Whether learning is to end."""
        return self._waited > self._patience

    def hear(self, score: float) -> None:
        """Take account of an epoch."""
        self._waited = 0 if score >= self.best + self._tol else self._waited + 1
        if score > self.best:
            self.best = score
            self._kept = {name: array.copy() for name, array in self._model.params.items()}

    def restore(self) -> None:
        """Give the network its best weights again."""
        self._model.load_params(self._kept)


def hold_out(n: int, fraction: float, alike: Any, random: np.random.RandomState) -> tuple[Array, Array]:
    """The numbers of the sequences to learn from, and of those to score by.

    Parameters
    ----------
    alike : array-like (n,) or None
        Labels whose shares are to be the same in both.

    Raises
    ------
    ArgumentError
        There are too few sequences, or of one class.
    """
    held = math.ceil(fraction * n)
    if not 2 <= held < n:
        raise ArgumentError(
            f"validation_fraction={fraction:g} holds out {held} of {n} sequences; expected at least 2, and some to learn from. "
            "Change it, pass more sequences, or set early_stopping=False."
        )
    if alike is not None:
        classes, counts = np.unique(alike, return_counts=True)
        if min(held, n - held) < len(classes) or counts.min() < 2:
            raise ArgumentError(
                f"{len(classes)} classes, of which the smallest has {counts.min()} of {n} sequences, are to share {held} held out; "
                "expected at least 2 sequences of each class, and one in either part. Change validation_fraction, pass more, or "
                "set early_stopping=False."
            )
    chosen, others = train_test_split(np.arange(n), test_size=fraction, random_state=random, stratify=alike)
    return chosen, others
