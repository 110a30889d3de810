"""The mean of the weights over many updates, and when to begin with it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.machine.jit import compiled
from throughtime.optim.memory import check_floating, flat_like
from throughtime.optim.settings import require_keys, whole

_COUNT = "count"


@compiled
def _add(total: Array, p: Array) -> None:
    for i in range(p.size):
        total[i] += np.float64(p[i])


class AveragedWeights:
    """The mean of a model's weights since averaging began, as averaged SGD returns it.

    Kept is their sum, in float64: exact for float32 weights over millions of updates, where a running mean would round
    each update's share of 1/n, and always to the same side while the weights drift.

    Parameters
    ----------
    params : dict of str to array
        The weights to be averaged, float32 or float64: their names, shapes, types and memory orders count, and not yet
        their values.

    Attributes
    ----------
    count : int
        How many weights the mean is of.
    state : dict of str to array
        What must be kept to resume: "sum.<parameter>", float64, and "count", int64 of shape (1,).

    References
    ----------
    B. Polyak and A. Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM Journal on Control and
    Optimization 30, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 0.0])}
    >>> averaged = AveragedWeights(params)
    >>> for _ in range(4):
    ...     params["weight"] += 1
    ...     averaged.update(params)
    >>> averaged.count, averaged.params["weight"]
    (4, array([3.5, 2.5]))
    """

    def __init__(self, params: Mapping[str, Array]) -> None:
        for name, param in params.items():
            check_floating("parameter", name, param)
        self._dtypes = {name: param.dtype for name, param in params.items()}
        self._sums = {name: np.zeros_like(param, np.float64) for name, param in params.items()}
        self.count = 0

    def update(self, params: Mapping[str, Array]) -> None:
        """Take these weights into the mean.

        Raises
        ------
        ArgumentError, ShapeError
            Their names or shapes are not those that averaging began with; nothing is changed then.
        """
        self._check("parameter", params)
        self.count += 1
        for name, total in self._sums.items():
            _add(flat_like(total, total), flat_like(params[name], total))

    @property
    def params(self) -> dict[str, Array]:
        """The mean, rounded to the weights' own types: new arrays in their memory orders.

        Raises
        ------
        ArgumentError
            Nothing was averaged yet.
        """
        if not self.count:
            raise ArgumentError(
                "the mean of no weights found; expected at least one update. Call update after each step."
            )
        return {
            name: np.asarray(total / self.count, self._dtypes[name]) for name, total in self._sums.items()
        }

    @property
    def state(self) -> dict[str, Array]:
        """See the class; the sums are no copies."""
        sums = {f"sum.{name}": total for name, total in self._sums.items()}
        return {**sums, _COUNT: np.array([self.count], np.int64)}

    def load(self, state: Mapping[str, Array]) -> None:
        """Go on from a copy of another's `state`.

        Raises
        ------
        ArgumentError, ShapeError
            It belongs to other weights; nothing is changed then.
        """
        require_keys("the mean of the weights", state, self.state)
        sums = {name: state[f"sum.{name}"] for name in self._sums}
        self._check("sum of", sums)
        for name, total in self._sums.items():
            total[...] = sums[name]
        self.count = int(state[_COUNT][0])

    def _check(self, kind: str, arrays: Mapping[str, Array]) -> None:
        require_keys("the mean of the weights", arrays, self._sums)
        for name, total in self._sums.items():
            check_floating(kind, name, arrays[name])
            if arrays[name].shape != total.shape:
                raise ShapeError(
                    f"{kind} {name!r} has shape {arrays[name].shape}; expected {total.shape}, as when averaging began. "
                    "Pass those of the same model."
                )


class NonMonotone:
    """When to begin averaging: at the first loss above the best of all evaluations before the last `patience` ones.

    Parameters
    ----------
    patience : int
        How many evaluations without a new best are borne, 0 or more; the paper's is 5.

    Attributes
    ----------
    triggered : bool
        Whether it is time; once it is, it stays so.

    Notes
    -----
    A loss that is not finite counts as above any, and is not remembered.

    References
    ----------
    S. Merity, N. Keskar and R. Socher, "Regularizing and Optimizing LSTM Language Models", ICLR 2018, algorithm 1
    (NT-ASGD), with the comparison of the authors' program, github.com/salesforce/awd-lstm-lm.

    Examples
    --------
    >>> trigger = NonMonotone(patience=2)
    >>> [trigger.evaluated(loss) for loss in (5.0, 4.0, 4.5, 4.2, 4.1, 3.0)]
    [False, False, False, False, True, True]
    """

    def __init__(self, patience: int = 5) -> None:
        self.patience = whole("patience", patience, 0, 5)
        self.triggered = False
        self._best: float | None = None  # of all but the recent ones
        self._recent: list[float] = []  # the last `patience` losses

    def evaluated(self, loss: float) -> bool:
        """Take notice of a validation loss; return `triggered`."""
        if self._best is not None and not loss <= self._best:
            self.triggered = True
        if math.isfinite(loss):
            self._recent.append(float(loss))
            if len(self._recent) > self.patience:
                oldest = self._recent.pop(0)
                self._best = oldest if self._best is None else min(self._best, oldest)
        return self.triggered

    @property
    def state(self) -> dict[str, Any]:
        """What must be kept to resume, fit for JSON."""
        return {"triggered": self.triggered, "best": self._best, "recent": list(self._recent)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from another's `state`.

        Raises
        ------
        ArgumentError
            It is not the state of a trigger.
        """
        require_keys("the trigger of averaging", state, self.state)
        self.triggered, self._best = state["triggered"], state["best"]
        self._recent = list(state["recent"])
