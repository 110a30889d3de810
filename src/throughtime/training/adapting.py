"""`Auto` at work: how far updates look back, from what the probes find."""

from typing import Any

from throughtime.flow.adaptive import Choice, RunningCurve, choose
from throughtime.flow.curve import Curve
from throughtime.truncation import Auto

_LONGEST = 100


class Adapting:
    """Chooses how far updates look back, anew at each probe.

    Parameters
    ----------
    auto : Auto
    seq_len : int
        New steps per update. Where `auto` names no longest K, twice as many, and at least 100, are allowed.

    Attributes
    ----------
    longest : int
        The greatest K.
    choice : Choice or None
        The last one; None before the first probe.
    """

    def __init__(self, auto: Auto, seq_len: int) -> None:
        self.tolerance = auto.tolerance
        self.longest = max(_LONGEST, 2 * seq_len) if auto.longest is None else auto.longest
        self.choice: Choice | None = None
        self._mean = RunningCurve()

    @property
    def look_back(self) -> int:
        """K: the steps before its new ones that an update runs again."""
        return self.longest if self.choice is None else self.choice.K

    def hear(self, curve: Curve) -> str | None:
        """Take account of a probe's curve, and choose; a line to be told where from now on no K is within the tolerance."""
        before = self.choice
        self._mean.add(curve)
        self._choose()
        now = self.choice
        if now is None or now.finite or (before is not None and not before.finite):
            return None
        if now.beta < 1:
            why = f"from lag to lag it falls by a factor of {now.beta:.3g}, so that a longer one would"
        elif now.beta >= 1:
            why = (
                f"it does not fall with the lag, its factor being {now.beta:.3g}, so that no finite one would"
            )
        else:
            why = "too few lags were measured to tell how it falls"
        return (
            f"no look-back of up to {self.longest} steps holds the gradient's relative bias within {self.tolerance:g} ({why}): "
            f"{self.longest} is used."
        )

    def _choose(self) -> None:
        mean = self._mean.curve  # None as long as no gradient has come to any state
        self.choice = None if mean is None else choose(mean, self.tolerance, self.longest)

    @property
    def state(self) -> dict[str, Any]:
        """Fit for JSON."""
        return self._mean.state

    def load(self, state: dict[str, Any]) -> None:
        """Be as was the one whose `state` this is."""
        self._mean.load(state)
        self._choose()
