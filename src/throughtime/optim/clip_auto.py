"""Clipping whose limit follows the gradient's usual norm."""

import math
from collections.abc import Mapping
from typing import Any

from throughtime.errors import ArgumentError
from throughtime.optim.clip import Clip, ClipNorm, ClipResult, global_norm
from throughtime.optim.settings import positive, require_keys
from throughtime.optim.structured import Gradient

_MULTIPLE = 2.0
# The share of the average kept at each update: it looks back over about 100.
_KEPT = 0.99


class ClipAuto(Clip):
    """Clipping by the global norm, at a multiple of the norm's running average.

    The average is the exponential one that keeps 0.99 of itself at each update, corrected for having started at zero;
    it is fed with the norm *after* clipping, so that one spike hardly raises it. The first update finds no average and is
    not clipped. A norm that is not finite changes neither gradient nor average.

    Parameters
    ----------
    multiple : float
        Above 1: with less, every gradient would be clipped and the average would sink towards zero.

    Raises
    ------
    ArgumentError
        The multiple is not a finite number above 1.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, section
    3.2: look at the average norm over many updates; half to ten times this serves as a threshold.

    Examples
    --------
    >>> import numpy as np
    >>> clip = ClipAuto(multiple=3)
    >>> for size in (1.0, 1.0, 100.0):
    ...     result = clip.apply({"weight": np.array([size])})
    >>> result
    ClipResult(norm=100.0, clipped=True)
    >>> f"{clip.average:.2f}"  # of 1, 1 and, clipped, 3
    '1.67'
    """

    structured = True

    def __init__(self, multiple: float = _MULTIPLE) -> None:
        self.multiple = positive("multiple", multiple, _MULTIPLE)
        if self.multiple <= 1:
            raise ArgumentError(
                f"multiple is {multiple!r}; expected a number above 1, or every gradient would be clipped. "
                f"Pass one such as {_MULTIPLE}."
            )
        self._updates, self._mean = 0, 0.0

    @property
    def average(self) -> float:
        """The running average of the norm after clipping; 0 before the first update."""
        return self._mean / (1 - _KEPT**self._updates) if self._updates else 0.0

    @property
    def theta(self) -> float | None:
        """The largest norm allowed at the next update; None while there is no average to go by."""
        theta = self.multiple * self.average
        return theta if 0 < theta < math.inf else None

    def apply(self, grads: Mapping[str, Gradient]) -> ClipResult:
        """Scale the gradients in place; see `Clip.apply`."""
        theta = self.theta
        result = (
            ClipResult(global_norm(grads), clipped=False) if theta is None else ClipNorm(theta).apply(grads)
        )
        if math.isfinite(result.norm):
            norm = theta if result.clipped and theta is not None else result.norm
            self._updates += 1
            self._mean += (1 - _KEPT) * (norm - self._mean)
        return result

    @property
    def state(self) -> dict[str, Any]:
        """See `Clip.state`."""
        return {"updates": self._updates, "mean": self._mean}

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Clip.load`."""
        require_keys(f"clip {self}", state, self.state)
        self._updates, self._mean = state["updates"], state["mean"]

    def __str__(self) -> str:
        return "auto" if self.multiple == _MULTIPLE else f"auto:{self.multiple:g}"
