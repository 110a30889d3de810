"""What is usual for a gradient's norm, and what is a jump."""

import math
import statistics
from collections import deque


class NormWatch:
    """Tells when a gradient's norm jumps far above what is usual: the median of the last updates.

    Parameters
    ----------
    factor : float
        A norm above `factor` times the median is a jump.
    window : int
        How many updates the median is over.
    least : int
        Before so many updates nothing is a jump.

    Examples
    --------
    >>> watch = NormWatch(factor=100, window=100, least=20)
    >>> for _ in range(20):
    ...     watch.add(0.5)
    >>> watch.usual, watch.jumped(49.0), watch.jumped(51.0)
    (0.5, False, True)
    """

    def __init__(self, factor: float = 100.0, window: int = 100, least: int = 20) -> None:
        self.factor, self.least = factor, least
        self._norms: deque[float] = deque(maxlen=window)

    @property
    def usual(self) -> float | None:
        """The median; None before `least` updates."""
        return statistics.median(self._norms) if len(self._norms) >= self.least else None

    def jumped(self, norm: float) -> bool:
        """Whether a norm, not yet added, is a jump. One that is not finite is always one."""
        usual = self.usual
        return not math.isfinite(norm) or (usual is not None and norm > self.factor * usual)

    def add(self, norm: float) -> None:
        """Take account of a norm, a jump's as well: it moves a median little, and what stays so high becomes usual."""
        if math.isfinite(norm):
            self._norms.append(float(norm))

    @property
    def state(self) -> list[float]:
        """The last norms, fit for JSON."""
        return list(self._norms)

    def load(self, state: list[float]) -> None:
        """Be as the watch was whose `state` this is."""
        self._norms.clear()
        self._norms.extend(state)
