"""Regression on sequences, or on their steps: forecasting, filtering, many to one and many to many."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from throughtime.errors import ShapeError
from throughtime.machine.arrays import Array
from throughtime.networks.sequence_model import SequenceModel
from throughtime.sklearn.estimator import SequenceEstimator
from throughtime.sklearn.targets import read_numbers


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """A recurrent network that tells a number, or several, of a sequence or of each of its steps.

    X, parameters and attributes are those of `SequenceClassifier`, classes apart. y is (n,) or (n, outputs); with
    at="every" it has a target for each step: (n, T), (n, T, outputs), or a list of n arrays (T_i,) or (T_i, outputs).

    The loss is the mean of squared errors. Targets are taken as they are; the readout's bias starts at their mean. Where they
    are far from 1 in size, scale them: `sklearn.compose.TransformedTargetRegressor` does and undoes it.

    Examples
    --------
    >>> import numpy as np
    >>> from throughtime.sklearn import SequenceRegressor
    >>> X = np.random.default_rng(0).normal(size=(300, 10))
    >>> regressor = SequenceRegressor(at="every", hidden_size=16, max_iter=20, random_state=0)
    >>> y = np.cumsum(X, axis=1)
    >>> regressor.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.9
    True
    """

    _loss = "squared"
    _single: bool  # one number for each target, of no axis of its own
    score = SequenceEstimator.score  # the mixin's own knows only one target a sequence

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go over some sequences once, in batches.

        Parameters that were set since the last call hold from now on, such as `learning_rate_init`; those of the network,
        `dtype` and `random_state` hold from the first call.

        Parameters
        ----------
        X, y : as `fit` has them

        Returns
        -------
        self
        """
        return self._fit_partially(X, y)

    def predict(self, X: Any) -> Any:
        """Return what is told of each sequence, (n,) or (n, outputs) as y was; with at="every" (n, T, ...), or a list of (T_i, ...)."""
        sequences, outputs = self._outputs(X)
        return self._arrange(sequences, outputs[:, 0] if self._single else outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _first_targets(
        self, rows: Any, dtype: np.dtype[Any], classes: Any
    ) -> tuple[Array, int, dict[str, Any]]:
        numbers = read_numbers(rows, dtype)
        targets = numbers.reshape(len(numbers), -1)
        return targets, targets.shape[1], {"_single": numbers.ndim == 1}

    def _known_targets(self, rows: Any) -> Array:
        numbers = read_numbers(rows, self.model_.dtype)
        O = self.model_.output_size
        if numbers.shape[1:] != (() if self._single else (O,)):
            raise ShapeError(
                f"y has targets of shape {numbers.shape[1:]}; expected {() if self._single else (O,)}, as in the first fit. Pass y "
                "alike, or begin anew with fit."
            )
        return numbers.reshape(len(numbers), O)

    def _prepare(self, model: SequenceModel, targets: Array) -> None:
        # From zero, what is far from it would be reached by saturating units first.
        model.params["readout.bias"][...] = targets.mean(axis=0, dtype=np.float64)

    def _score(self, rows: Any, outputs: Array, weights: Array | None) -> float:
        return float(r2_score(rows, outputs, sample_weight=weights))
