"""An estimator's parameters, checked together before anything is learned."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.networks.validation import require_count
from throughtime.optim import Clip, Optimizer, clip_norm_from_spec, optimizer_from_name
from throughtime.truncation import Truncation, parse_truncation, require_truncation


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
    validation_fraction: float
    threads: int

    @classmethod
    def of(cls, params: dict[str, Any]) -> "Settings":
        """From an estimator's `get_params`.

        Raises
        ------
        ArgumentError
            One is out of its range.
        """
        clip_norm, truncation = params["clip_norm"], params["truncation"]
        return cls(
            _optimizer(params["optimizer"], params["learning_rate_init"]),
            None if clip_norm is None else clip_norm_from_spec(str(clip_norm)),
            require_truncation(parse_truncation(truncation) if isinstance(truncation, str) else truncation),
            require_count("batch_size", params["batch_size"]),
            require_count("max_iter", params["max_iter"]),
            _between("tol", params["tol"], 0, math.inf, "1e-4"),
            require_count("n_iter_no_change", params["n_iter_no_change"]),
            _between("validation_fraction", params["validation_fraction"], 0, 1, "0.1"),
            require_count("threads", params["threads"]),
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


def _between(name: str, value: Any, least: float, limit: float, remedy: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.number)
        or not least <= value < limit
    ):
        within = f"of at least {least}" if limit == math.inf else f"from {least} to less than {limit}"
        raise ArgumentError(f"{name}={value!r} found; expected a number {within}. Use {name}={remedy}.")
    return float(value)
