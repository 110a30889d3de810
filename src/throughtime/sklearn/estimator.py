"""What the classifier and the regressor share: parameters, reading, learning, scoring."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from throughtime.errors import ArgumentError, ShapeError
from throughtime.flow.profile import GradientFlow, gradient_flow
from throughtime.machine.arrays import Array
from throughtime.networks.scored import require_at
from throughtime.networks.sequence_model import SequenceModel
from throughtime.networks.validation import require_dtype
from throughtime.optim import Clip, Optimizer
from throughtime.sklearn.lesson import Lesson, columns_of
from throughtime.sklearn.passes import Updates, outputs_of
from throughtime.sklearn.sequences import Sequences, is_table, read_sequences
from throughtime.sklearn.settings import Parameters, Settings
from throughtime.sklearn.stopping import Stopping
from throughtime.sklearn.targets import read_rows, read_weights


class SequenceEstimator(Parameters):
    """A `throughtime.SequenceModel` as an estimator; `SequenceClassifier` has the parameters."""

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
        settings = Settings.of(self.get_params(deep=False))
        random = check_random_state(self.random_state)
        goes_on = settings.warm_start and hasattr(self, "model_")
        lesson = self._read_on(X, y) if goes_on else self._read_first(X, y, random)
        if not settings.early_stopping:
            self._begin(lesson, settings, random)
            self._learn(lesson, settings, lambda: -self.loss_)
            return self
        lesson, exam = lesson.divided(settings.validation_fraction, self._split_by(lesson), random)
        self._begin(lesson, settings, random)
        scores: list[float] = []

        def score() -> float:
            scores.append(self._score(exam.rows, outputs_of(self.model_, exam.sequences), None))
            _say(f"Validation score: {scores[-1]:f}", settings)
            return scores[-1]

        stopping = self._learn(lesson, settings, score)
        stopping.restore()
        self.validation_scores_, self.best_validation_score_ = scores, stopping.best
        return self

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, R^2 of a regressor; with at="every" over all steps.

        Parameters
        ----------
        X, y : as `fit` has them
        sample_weight : array-like (n,), optional
            One for each sequence, which counts for each of its steps.
        """
        sequences = self._read(X)
        weights = None if sample_weight is None else read_weights(sample_weight, sequences, self.model_.at)
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
    def _first_targets(
        self, rows: Any, dtype: np.dtype[Any], classes: Any
    ) -> tuple[Array, int, dict[str, Any]]:
        """From rows of y, the first that are seen, without a change of the estimator.

        `classes` are those that `partial_fit` was told of, or None. Returns targets as the model takes them, its number of
        outputs, and attributes that are to tell the same of later rows.
        """

    @abstractmethod
    def _known_targets(self, rows: Any) -> Array:
        """From rows of y, targets as the model takes them."""

    @abstractmethod
    def _score(self, rows: Any, outputs: Array, weights: Array | None) -> float:
        """How well outputs (R, O) meet rows of y."""

    def _prepare(self, model: SequenceModel, targets: Array) -> None:
        """Change a network that is about to begin."""

    def _split_by(self, lesson: Lesson) -> Any:
        """Rows of what is to be alike among the sequences that are held out and the others; None for nothing."""

    # ------------------------------------------------------------ reading

    def _outputs(self, X: Any) -> tuple[Sequences, Array]:
        """The sequences, and the outputs (R, O) of each, or of each step."""
        sequences = self._read(X)
        return sequences, outputs_of(self.model_, sequences)

    def _arrange(self, sequences: Sequences, rows: Array) -> Any:
        return rows if self.model_.at == "last" else sequences.arrange(rows)

    def _read(self, X: Any) -> Sequences:
        """X, which must be like that which was learned from."""
        check_is_fitted(self, "model_")
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

    def _read_on(self, X: Any, y: Any) -> Lesson:
        """For the network that there is."""
        sequences = self._read(X)
        rows = read_rows(y, sequences, self.model_.at)
        return Lesson(sequences, rows, self._known_targets(rows), self.model_.at, {})

    def _read_first(self, X: Any, y: Any, random: np.random.RandomState, classes: Any = None) -> Lesson:
        """With a new network, to whose form later ones will be held."""
        at, dtype = require_at(self.at), require_dtype(self.dtype)
        sequences = read_sequences(X, dtype)
        rows = read_rows(y, sequences, at)
        targets, outputs, learned = self._first_targets(rows, dtype, classes)
        model = SequenceModel(
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
            seed=int(random.randint(np.iinfo(np.int32).max)),
        )
        self._prepare(model, targets)
        table = is_table(X, sequences)
        learned |= columns_of(X) if table else {"n_features_in_": sequences.width}
        learned |= {"model_": model, "loss_curve_": [], "_table": table}
        return Lesson(sequences, rows, targets, at, learned)

    # ------------------------------------------------------------ learning

    def _fit_partially(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One epoch."""
        settings = Settings.of(self.get_params(deep=False))
        if settings.early_stopping:
            raise ArgumentError(
                "early_stopping=True found; expected False in partial_fit, which makes one epoch. Use fit, or "
                "set_params(early_stopping=False)."
            )
        if hasattr(self, "model_"):
            lesson, random = self._read_on(X, y), self._random
            _go_on(self._optimizer, settings.optimizer)
            _go_on(self._clip, settings.clip)
        else:
            random = check_random_state(self.random_state)
            lesson = self._read_first(X, y, random, classes)
        self._begin(lesson, settings, random)
        self._epoch(self._updates(settings), lesson, settings)
        return self

    def _learn(self, lesson: Lesson, settings: Settings, score: Callable[[], float]) -> Stopping:
        """Epochs until their score gets no better, or there were `max_iter`."""
        stopping = Stopping(self.model_, settings.tol, settings.n_iter_no_change)
        updates = self._updates(settings)
        while self.n_iter_ < settings.max_iter and not stopping.due:
            self._epoch(updates, lesson, settings)
            stopping.hear(score())
        return stopping

    def _begin(self, lesson: Lesson, settings: Settings, random: np.random.RandomState) -> None:
        """Take over what was read. Nothing of an estimator changes before all is found to be in order."""
        if lesson.learned:
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit
            self.__dict__.update(lesson.learned)
        self._random, self._optimizer, self._clip = random, settings.optimizer, settings.clip
        self.n_iter_ = 0
        self.validation_scores_ = self.best_validation_score_ = None

    def _updates(self, settings: Settings) -> Updates:
        return Updates(self.model_, self._optimizer, self._clip, settings.truncation, settings.threads)

    def _epoch(self, updates: Updates, lesson: Lesson, settings: Settings) -> None:
        random = self._random if settings.shuffle else None
        self.loss_ = updates.epoch(lesson.sequences, lesson.targets, settings.batch_size, random)
        self.n_iter_ += 1
        self.loss_curve_.append(self.loss_)
        _say(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}", settings)


def _go_on(before: Optimizer | Clip | None, now: Optimizer | Clip | None) -> None:
    """Give what one has learned to another of its kind, whose settings may differ."""
    if before is not None and type(before) is type(now):
        now.load(before.state)


def _say(line: str, settings: Settings) -> None:
    if settings.verbose:
        print(line, flush=True)  # noqa: T201  as scikit-learn's own do
