"""Classification of sequences, or of their steps."""

from typing import Any, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.sklearn.estimator import SequenceEstimator
from throughtime.sklearn.lesson import Lesson
from throughtime.sklearn.targets import ids_of, read_classes, read_labels


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """A recurrent network that tells what class a sequence is of, or each of its steps.

    X is an array (n, T, features); (n, T), which is read as one feature a step; or a list of n arrays or lists, whose
    lengths may differ. A list is predicted step by step as a list, and only arrays and DataFrames (n, T) are held to the T
    of `fit`. The names of parameters are those of `sklearn.neural_network.MLPClassifier` where it has them. Scale X, with
    StandardScaler say, as for any network.

    Parameters
    ----------
    cell : "gru", "lstm", "rnn" or a throughtime.Cell
    hidden_size, num_layers : int
        Units of a layer, and layers.
    nonlinearity : "tanh", "relu" or "sigmoid"
        Of the plain RNN.
    dropout : float
        Probability, between layers: with one layer there is nothing to drop.
    init : str
        How weights start, as `throughtime.SequenceModel` has it: "weight_hh=orthogonal,bias_f=1".
    at : "last" or "every"
        Whether each sequence has a target, which is predicted from its last step, or each step has one.
    truncation : str or throughtime truncation
        How far back in a sequence gradients go: "full", "window:4", "chunk:50", "chunk:20,100", or tt.Window(4).
    optimizer : str or throughtime optimizer
        "sgd", "momentum", "nesterov", "rmsprop", "adam" or "adamw"; or one such as tt.RMSprop(2e-3), which is copied.
    learning_rate_init : float
        Of an optimizer given by name.
    clip_norm : float, str or None
        The largest norm of the gradient; "auto" for twice what is usual; None for no clipping.
    batch_size : int
        Sequences an update. Those of similar lengths go together.
    max_iter : int
        Epochs at most: no warning follows where they are used up.
    shuffle : bool
        Whether the order of sequences changes from epoch to epoch.
    tol : float
    n_iter_no_change : int
        `fit` ends after more than so many epochs in a row in which the loss, or with early_stopping the score of what is
        held out, was not better by `tol`.
    early_stopping : bool
    validation_fraction : float
        Whether that share of the sequences is held out, and the weights kept that are best on it.
    warm_start : bool
        Whether `fit` goes on from the weights of the fit before; the network's own parameters then have no effect.
    random_state : int, RandomState or None
        Of the weights' start, the order of sequences, what is held out, and dropout. The same int gives the same bits.
    threads : int
        Among how many threads a batch is divided. Another number gives results that differ by rounding.
    dtype : "float32" or "float64"
        Of all that is computed, and of what `predict_proba` returns.
    verbose : bool or int
        Whether each epoch is told on standard output.

    Attributes
    ----------
    model_ : throughtime.SequenceModel
        For all that takes a model: `throughtime.gradient_flow`, `throughtime.examine`. Its arrays are time-major.
    classes_ : array (n_classes,)
        In order.
    n_features_in_ : int
        Features a step; of a table (n, T) it is T, its number of columns.
    feature_names_in_ : array (T,)
        Where X is a DataFrame.
    n_iter_ : int
        Epochs of the last fit.
    loss_ : float
        Mean of the last epoch.
    loss_curve_ : list of float
        One for each epoch since the network began.
    validation_scores_ : list of float, or None
    best_validation_score_ : float, or None
        With early_stopping.

    Examples
    --------
    >>> import numpy as np
    >>> from throughtime.sklearn import SequenceClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=length) for length in rng.integers(5, 15, size=300)]
    >>> y = ["up" if x.sum() > 0 else "down" for x in X]
    >>> classifier = SequenceClassifier(hidden_size=16, max_iter=20, random_state=0).fit(X[:200], y[:200])
    >>> classifier.score(X[200:], y[200:]) > 0.9
    True
    """

    _loss = "softmax"
    score = SequenceEstimator.score  # the mixin's own knows only one target a sequence

    classes_: Array

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go over some sequences once, in batches.

        Parameters that were set since the last call hold from now on, such as `learning_rate_init`; those of the network,
        `dtype` and `random_state` hold from the first call.

        Parameters
        ----------
        X, y : as `fit` has them
        classes : array-like (n_classes,)
            All that will ever come; needed in the first call, and may be left out afterwards.

        Returns
        -------
        self
        """
        given = None if classes is None else read_classes(classes)
        known = getattr(self, "classes_", None)
        if given is None and known is None:
            raise ArgumentError(
                "classes is None in the first call to partial_fit; expected all classes that will come. Pass np.unique(y)."
            )
        if given is not None and known is not None and not np.array_equal(given, known):
            raise ArgumentError(
                f"classes={given.tolist()} found; expected {known.tolist()}, as in the first call to partial_fit. Leave them out."
            )
        return self._fit_partially(X, y, given)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each sequence: (n,); with at="every" of each step: (n, T), or a list of (T_i,)."""
        sequences, logits = self._outputs(X)
        return self._arrange(sequences, self.classes_[logits.argmax(axis=1)])

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, in the order of `classes_`: (n, n_classes); with at="every" (n, T, n_classes)."""
        sequences, logits = self._outputs(X)
        return self._arrange(sequences, softmax(logits, axis=1))

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of `predict_proba`, finite also where that is zero."""
        sequences, logits = self._outputs(X)
        return self._arrange(sequences, log_softmax(logits, axis=1))

    def _first_targets(
        self, rows: Any, dtype: np.dtype[Any], classes: Any
    ) -> tuple[Array, int, dict[str, Any]]:
        labels = read_labels(rows)
        known = np.unique(labels) if classes is None else classes
        return ids_of(labels, known), len(known), {"classes_": known}

    def _known_targets(self, rows: Any) -> Array:
        return ids_of(read_labels(rows), self.classes_)

    def _score(self, rows: Any, outputs: Array, weights: Array | None) -> float:
        predicted = self.classes_[outputs.argmax(axis=1)]
        return float(accuracy_score(rows, predicted, sample_weight=weights))

    def _split_by(self, lesson: Lesson) -> Any:
        return lesson.targets if lesson.at == "last" else None
