"""Why a step went wrong, from what can be measured; in doubt it says so.

In this order:

1. A parameter is not finite: *bad parameters*.
2. An input, the given state or a target is not finite or out of range, or no target counts: *bad input or mask*.
3. The Jacobian product grows a thousandfold on the way that was seen, or, where the gradient's norm has jumped, as much
   as the jump and at least tenfold.

   - With the weights before it had less than half of these orders of magnitude, and each update since then has added a
     tenth of one or more; or the recurrent weights before were huge already, and the updates moved far: *learning rate*.
   - Otherwise *explosion*: the recurrence itself, whose gradients grow with every step (Bengio et al. 1994, Pascanu et
     al. 2013), from the start or grown into slowly.

4. No product grew, but the updates moved far: *learning rate*. That is, a weight by more than half of its length, a fifth
   in each update; or a row of a weight by more than 1 in each, which takes a unit from one end of its range to the other.
5. No product grew, no update is known to have moved the weights, and one of them is huge: *bad parameters*.
6. No product grew, and inputs are finite but huge: *bad input or mask*.
7. *unclear*.

Cells with bounded states seldom overflow inside: where a learning rate is far too high their weights are huge, their
units saturated, and their Jacobians small. So rules 3 and 4 both name it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.faults.fault import Cause, Movement
from throughtime.networks.faults.growth import Growth

GROWN = 3.0  # log10 of a Jacobian product that explodes
ADDED_EACH = 0.1  # log10 by which one update lengthens the product
MOVED, MOVED_EACH = 0.5, 0.2  # of a weight's own length: in all, and in each update
ROW_EACH = 1.0
LONG_ROW = 10.0  # of recurrent weights that no start has, and hardly any training reaches
HUGE_ROW = 1e3  # one step already multiplies by so much
HUGE_INPUT = 1e6

_LOWER = "Lower the learning rate, warm it up, or clip the gradient."
_CLIP = "Clip the gradient (ClipNorm(1)), shorten the truncation, or start weight_hh smaller or orthogonal."


@dataclass(frozen=True)
class Evidence:
    """What an examination has measured.

    Attributes
    ----------
    params, before : dict of str to ndarray
        The weights now; and those before, or None.
    bad_input : str or None
        What is wrong with inputs, state or targets.
    largest_input : float
        The greatest magnitude among the inputs.
    growth, growth_before : Growth or None
        With both weights.
    moved : Movement or None
    jump : float or None
        The gradient's norm by its usual one.
    """

    params: Mapping[str, Array]
    before: Mapping[str, Array] | None
    bad_input: str | None
    largest_input: float
    growth: Growth | None
    growth_before: Growth | None
    moved: Movement | None
    jump: float | None

    @property
    def grew(self) -> bool:
        """Whether the Jacobian product explodes."""
        jump = self.jump
        enough = GROWN if jump is None or not 1 < jump < math.inf else min(GROWN, max(1.0, math.log10(jump)))
        return self.growth is not None and self.growth.peak_log10 >= enough

    @property
    def moved_far(self) -> bool:
        """Whether the updates since the weights before were far too long."""
        moved = self.moved
        if moved is None:
            return False
        each = MOVED_EACH * (moved.updates or 1)
        return moved.row >= ROW_EACH or (moved.share >= MOVED and moved.share >= each)

    @property
    def came_with_the_updates(self) -> bool:
        """Whether the updates made a product that grows out of one that did not."""
        if self.growth is None or self.growth_before is None or self.moved is None or self.before is None:
            return False
        added = self.growth.peak_log10 - self.growth_before.peak_log10
        few = added >= ADDED_EACH * (self.moved.updates or 1)
        recurrent = {name: array for name, array in self.before.items() if ".weight_hh" in name}
        ruined = longest_row(recurrent)[1] >= LONG_ROW
        return (few and added > self.growth.peak_log10 / 2) or (ruined and self.moved_far)

    def __str__(self) -> str:
        grown = "no Jacobian could be measured"
        if self.growth is not None:
            grown = f"the Jacobian product comes to {self.growth}"
        if self.growth is not None and self.growth_before is not None:
            grown += f", with the weights before to {self.growth_before}"
        if self.before is None:
            return f"{grown}; there are no earlier weights to compare with"
        return f"{grown}; {self.moved or 'the weights have not moved'}"


def classify(evidence: Evidence) -> tuple[Cause, str, str]:
    """The cause, what speaks for it, and a remedy."""
    bad = not_finite(evidence.params)
    if bad:
        sound = evidence.before is not None and not not_finite(evidence.before)
        since = " (finite in the weights before: an update, or something else, has written it since)"
        return (
            "bad parameters",
            f"{bad} is not finite{since if sound else ''}",
            "Go back to earlier weights.",
        )
    if evidence.bad_input is not None:
        return "bad input or mask", evidence.bad_input, "Look at the data there; leave it out, or mend it."
    if evidence.grew:
        if evidence.came_with_the_updates:
            return "learning rate", str(evidence), _LOWER
        return "explosion", str(evidence), _CLIP
    if evidence.moved_far:
        return "learning rate", str(evidence.moved), _LOWER
    name, row = longest_row(evidence.params)
    if evidence.moved is None and row >= HUGE_ROW:
        because = f"{name} has a row of length {row:.3g}, and no update is known to have moved it"
        return "bad parameters", because, "Start from smaller weights."
    if evidence.largest_input >= HUGE_INPUT:
        return (
            "bad input or mask",
            f"inputs reach {evidence.largest_input:.3g}",
            "Scale the inputs to about 1.",
        )
    return "unclear", str(evidence), "Look at the sequence and step named, and clip the gradient."


def not_finite(arrays: Mapping[str, Array]) -> str:
    """The names of those that are not finite, in a few words; empty where all are."""
    odd = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    return ", ".join(odd[:3]) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")


def movement(now: Mapping[str, Array], before: Mapping[str, Array], updates: int | None) -> Movement | None:
    """How far the weight matrices moved that moved most; None where none did, or numbers are not finite."""
    apart = {name: array - before[name].astype(np.float64) for name, array in now.items() if array.ndim == 2}
    # Biases and cells' own parameters may begin at zero, and so may a weight.
    lengths = {name: float(np.linalg.norm(before[name].astype(np.float64))) for name in apart}
    shares = {name: float(np.linalg.norm(d)) / lengths[name] for name, d in apart.items() if lengths[name]}
    most, row = max(shares, key=shares.__getitem__, default=""), longest_row(apart)[1]
    if not most or not math.isfinite(row) or row == 0:
        return None
    return Movement(most, shares[most], row / (updates or 1), updates)


def longest_row(params: Mapping[str, Array]) -> tuple[str, float]:
    """The matrix with the longest row, and that length."""
    lengths = {
        name: float(np.sqrt((array.astype(np.float64) ** 2).sum(axis=1)).max())
        for name, array in params.items()
        if array.ndim == 2
    }
    name = max(lengths, key=lengths.__getitem__)
    return name, lengths[name]
