"""When learning ends by itself, and which weights are the best so far."""

import math

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
