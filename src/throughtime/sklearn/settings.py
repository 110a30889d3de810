"""An estimator's parameters: kept as they come, and checked together before anything is learned."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError
from throughtime.networks.validation import require_count
from throughtime.optim import Clip, Optimizer, clip_norm_from_spec, optimizer_from_name
from throughtime.truncation import Truncation, parse_truncation, require_truncation


class Parameters(BaseEstimator):
    """Parameters as they come, which scikit-learn gets, sets and copies; `SequenceClassifier` says what they are."""

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


@dataclass(frozen=True)
class Settings:
    """How an estimator learns: what its parameters mean, apart from those of the network.

    Attributes
    ----------
    optimizer : Optimizer
        Its own, with nothing learned yet.
    """

    optimizer: Optimizer
    clip: Clip | None
    truncation: Truncation
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    shuffle: bool
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    threads: int
    verbose: bool

    @classmethod
    def of(cls, params: dict[str, Any]) -> "Settings":
        """From an estimator's `get_params`.

        Raises
        ------
        ArgumentError
            One is out of its range.
        """
        clip_norm, truncation, verbose = params["clip_norm"], params["truncation"], params["verbose"]
        return cls(
            _optimizer(params["optimizer"], params["learning_rate_init"]),
            None if clip_norm is None else clip_norm_from_spec(str(clip_norm)),
            require_truncation(parse_truncation(truncation) if isinstance(truncation, str) else truncation),
            require_count("batch_size", params["batch_size"]),
            require_count("max_iter", params["max_iter"]),
            _tolerance(params["tol"]),
            require_count("n_iter_no_change", params["n_iter_no_change"]),
            _flag("shuffle", params["shuffle"]),
            _flag("early_stopping", params["early_stopping"]),
            _share(params["validation_fraction"]),
            _flag("warm_start", params["warm_start"]),
            require_count("threads", params["threads"]),
            verbose > 0 if _is_count(verbose) else _flag("verbose", verbose),
        )


def _optimizer(optimizer: Any, lr: float) -> Optimizer:
    if isinstance(optimizer, str):
        return optimizer_from_name(optimizer, lr)
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"optimizer {optimizer!r} found; expected a name or an optimizer such as tt.RMSprop(2e-3). Use 'adam'."
        )
    made = copy.deepcopy(optimizer)  # the parameter stays as it is, and may be another estimator's, too
    made.load({})
    return made


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise ArgumentError(f"{name}={value!r} found; expected True or False. Pass one of them.")
    return bool(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and bool(value >= 0)


def _tolerance(tol: Any) -> float:
    if not _is_number(tol) or not 0 <= tol < math.inf:
        raise ArgumentError(f"tol={tol!r} found; expected a number of at least 0. Use tol=1e-4.")
    return float(tol)


def _share(fraction: Any) -> float:
    if not _is_number(fraction) or not 0 < fraction < 1:
        raise ArgumentError(
            f"validation_fraction={fraction!r} found; expected a number above 0 and below 1. Use validation_fraction=0.1, or "
            "early_stopping=False to hold nothing out."
        )
    return float(fraction)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
