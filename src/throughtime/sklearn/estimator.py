"""What the classifier and the regressor share: parameters, reading, learning, scoring."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError, ShapeError
from throughtime.flow.profile import GradientFlow, gradient_flow
from throughtime.machine.arrays import Array
from throughtime.networks.scored import require_at
from throughtime.networks.sequence_model import SequenceModel
from throughtime.networks.validation import require_dtype
from throughtime.optim import Optimizer
from throughtime.sklearn.passes import Updates, outputs_of
from throughtime.sklearn.sequences import Sequences, read_sequences
from throughtime.sklearn.settings import Settings
from throughtime.sklearn.stopping import Stopping, hold_out
from throughtime.sklearn.targets import read_rows
from throughtime.truncation import Truncation


class SequenceEstimator(BaseEstimator):
    """A `throughtime.SequenceModel` as an estimator; `SequenceClassifier` has the parameters."""

    def __init__(
        self,
        *,
        cell: str | Cell = "gru",
        hidden_size: int = 64,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        init: str = "default",
        at: str = "last",
        truncation: str | Truncation | None = "full",
        optimizer: str | Optimizer = "adam",
        learning_rate_init: float = 0.01,
        clip_norm: float | str | None = 1.0,
        batch_size: int = 32,
        max_iter: int = 100,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: Any = None,
        threads: int = 1,
        dtype: Any = "float32",
        verbose: bool | int = False,
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.nonlinearity = nonlinearity
        self.dropout = dropout
        self.init = init
        self.at = at
        self.truncation = truncation
        self.optimizer = optimizer
        self.learning_rate_init = learning_rate_init
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.threads = threads
        self.dtype = dtype
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from sequences and their targets.

        Parameters
        ----------
        X : array-like (n, T) or (n, T, F), or n array-likes (T_i,) or (T_i, F)
            Without F there is one feature a step.
        y : array-like
            One target for each sequence; with at="every" one for each step, (n, T, ...) or n of (T_i, ...).

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            A parameter is out of its range, or X and y are not what is expected; one line says what.
        DivergedError
            The loss or its gradient is not finite. `model_` keeps the weights of the update before.
        """
        return self._fit(X, y, begin=not (self.warm_start and hasattr(self, "model_")))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, R^2 of a regressor; with at="every" over all steps.

        Parameters
        ----------
        X, y : as `fit` has them
        sample_weight : array-like (n,), optional
            One for each sequence, which counts for each of its steps.
        """
        sequences = self._read(X)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        if weights is not None and self.model_.at == "every":
            weights = np.repeat(weights, sequences.lengths)
        rows = read_rows(y, sequences, self.model_.at)
        return self._score(rows, outputs_of(self.model_, sequences), weights)

    def gradient_flow(
        self, X: Any, y: Any, *, max_lag: int | None = None, origins: Any = None
    ) -> GradientFlow:
        """Measure how far back in time the gradient of the loss reaches, lag by lag.

        Parameters
        ----------
        X, y : as `fit` has them
            A few dozen sequences are enough; all are looked at side by side.
        max_lag, origins : as `throughtime.gradient_flow` has them
            But where `origins` are an array for each sequence, it is (n, T) of bool.

        Returns
        -------
        throughtime.GradientFlow

        Examples
        --------
        >>> import numpy as np
        >>> from throughtime.sklearn import SequenceRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 40))
        >>> regressor = SequenceRegressor(cell="rnn", max_iter=1, random_state=0).fit(X, X[:, -1])
        >>> int(regressor.gradient_flow(X, X[:, -1]).horizon()) < 20
        True
        """
        sequences = self._read(X)
        targets = self._known_targets(read_rows(y, sequences, self.model_.at))
        rows, lengths = sequences.side_by_side(np.arange(len(sequences)))
        return gradient_flow(
            self.model_,
            sequences.steps[rows],
            targets if self.model_.at == "last" else targets[rows],
            max_lag,
            np.transpose(origins) if np.ndim(origins) == 2 else origins,
            lengths=lengths,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    # ------------------------------------------------------------ what a subclass says

    _loss: str
    model_: SequenceModel
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None

    @abstractmethod
    def _begin_targets(self, rows: Any, dtype: np.dtype[Any], classes: Any) -> tuple[Array, int]:
        """From rows of y, the first that are seen: targets as the model takes them, and its number of outputs.

        `classes` are those that `partial_fit` was told of, or None.
        """

    @abstractmethod
    def _known_targets(self, rows: Any) -> Array:
        """From rows of y, targets as the model takes them."""

    @abstractmethod
    def _score(self, rows: Any, outputs: Array, weights: Array | None) -> float:
        """How well outputs (R, O) meet rows of y."""

    def _prepare(self, model: SequenceModel, targets: Array) -> None:
        """Change a network that is about to begin."""

    def _split_by(self, rows: Any) -> Any:
        """What is to be alike among the sequences that are held out and the others; None for nothing."""

    # ------------------------------------------------------------ reading

    def _outputs(self, X: Any) -> tuple[Sequences, Array]:
        """The sequences, and the outputs (R, O) of each, or of each step."""
        sequences = self._read(X)
        return sequences, outputs_of(self.model_, sequences)

    def _arrange(self, sequences: Sequences, rows: Array) -> Any:
        return rows if self.model_.at == "last" else sequences.arrange(rows)

    def _read(self, X: Any) -> Sequences:
        """X, which must be like that which was learned from."""
        check_is_fitted(self)
        sequences = read_sequences(X, self.model_.dtype)
        if sequences.form == "table" and self._table:
            T = int(sequences.lengths[0])
            if self.n_features_in_ != T:
                raise ShapeError(
                    f"X has {T} features, but {type(self).__name__} is expecting {self.n_features_in_} features as input. "
                    "For sequences of another length pass (n, T, 1)."
                )
            validate_data(self, X, reset=False, skip_check_array=True)  # the names of columns
        F = self.model_.layers.input_size
        if sequences.width != F:
            raise ShapeError(
                f"X has {sequences.width} features a step; expected {F}, as X had in fit. Pass (n, T, {F}), or sequences "
                f"(T_i, {F}) one by one."
            )
        return sequences

    def _read_first(self, X: Any, dtype: np.dtype[Any]) -> Sequences:
        """X, whose form others will be held to."""
        sequences = read_sequences(X, dtype)
        self._table = sequences.form == "table"
        if self._table:
            validate_data(self, X, skip_check_array=True)
        else:
            self.n_features_in_ = sequences.width
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit
        return sequences

    # ------------------------------------------------------------ learning

    def _fit(self, X: Any, y: Any, begin: bool) -> Self:
        """Learn until nothing gets better, or `max_iter` epochs."""
        settings = Settings.of(self.get_params(deep=False))
        self._random = check_random_state(self.random_state)
        self._optimizer, self._clip = settings.optimizer, settings.clip
        sequences, rows, targets = self._take_in(X, y, begin)
        if not self.early_stopping:
            self._learn(sequences, targets, settings, lambda: -self.loss_)
            return self
        alike = self._split_by(rows)
        chosen, others = hold_out(len(sequences), settings.validation_fraction, alike, self._random)
        by_step = self.model_.at == "every"
        learned, scored = (sequences.rows_of(part) if by_step else part for part in (chosen, others))
        held_out, truth = sequences.take(others), np.asarray(rows)[scored]
        scores: list[float] = []

        def score() -> float:
            scores.append(self._score(truth, outputs_of(self.model_, held_out), None))
            self._say(f"Validation score: {scores[-1]:f}")
            return scores[-1]

        stopping = self._learn(sequences.take(chosen), targets[learned], settings, score)
        stopping.restore()
        self.validation_scores_, self.best_validation_score_ = scores, stopping.best
        return self

    def _learn(
        self, sequences: Sequences, targets: Array, settings: Settings, score: Callable[[], float]
    ) -> Stopping:
        """Epochs until their score gets no better."""
        stopping = Stopping(self.model_, settings.tol, settings.n_iter_no_change)
        updates = Updates(self.model_, self._optimizer, self._clip, settings.truncation, settings.threads)
        while self.n_iter_ < settings.max_iter and not stopping.due:
            self._epoch(updates, sequences, targets, settings.batch_size)
            stopping.hear(score())
        return stopping

    def _fit_partially(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One epoch."""
        settings = Settings.of(self.get_params(deep=False))
        if self.early_stopping:
            raise ArgumentError(
                "early_stopping=True found; expected False in partial_fit, which makes one epoch. Use fit, or "
                "set_params(early_stopping=False)."
            )
        begin = not hasattr(self, "model_")
        if begin:
            self._random = check_random_state(self.random_state)
            self._optimizer, self._clip = settings.optimizer, settings.clip
        sequences, _, targets = self._take_in(X, y, begin, classes)
        self._epoch(
            Updates(self.model_, self._optimizer, self._clip, settings.truncation, settings.threads),
            sequences,
            targets,
            settings.batch_size,
        )
        return self

    def _take_in(self, X: Any, y: Any, begin: bool, classes: Any = None) -> tuple[Sequences, Any, Array]:
        """Sequences, rows of y and targets; and, if this is the beginning, a new network for them."""
        self.n_iter_ = 0
        self.validation_scores_ = self.best_validation_score_ = None
        if not begin:
            sequences = self._read(X)
            rows = read_rows(y, sequences, self.model_.at)
            return sequences, rows, self._known_targets(rows)
        at, dtype = require_at(self.at), require_dtype(self.dtype)
        sequences = self._read_first(X, dtype)
        rows = read_rows(y, sequences, at)
        targets, outputs = self._begin_targets(rows, dtype, classes)
        self.model_ = SequenceModel(
            sequences.width,
            self.hidden_size,
            outputs,
            cell=self.cell,
            num_layers=self.num_layers,
            loss=self._loss,
            at=at,
            nonlinearity=self.nonlinearity,
            dropout=self.dropout,
            init=self.init,
            dtype=dtype,
            seed=int(self._random.randint(np.iinfo(np.int32).max)),
        )
        self._prepare(self.model_, targets)
        self.loss_curve_ = []
        return sequences, rows, targets

    def _epoch(self, updates: Updates, sequences: Sequences, targets: Array, batch_size: int) -> None:
        self.loss_ = updates.epoch(sequences, targets, batch_size, self._random if self.shuffle else None)
        self.n_iter_ += 1
        self.loss_curve_.append(self.loss_)
        self._say(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line, flush=True)  # noqa: T201  as scikit-learn's own do
