"""Why a step went wrong, from what can be measured; in doubt it says so.

In this order:

1. A parameter is not finite: *bad parameters*.
2. An input, the given state or a target is not finite or out of range, or no target counts: *bad input or mask*.
3. The Jacobian product grows a thousandfold on the way that was seen, or, where the gradient's norm has jumped, as much
   as the jump and at least tenfold. If with the weights before it had less than half of these orders of magnitude, and
   each update since then has added a tenth of one or more, or if the updates moved a weight by more than half of its
   length, a fifth in each: *learning rate*. Otherwise *explosion*: the recurrence itself, whose gradients grow with every
   step (Bengio et al. 1994, Pascanu et al. 2013), from the start or grown into slowly.
4. No product grew, but the weights moved as far as that: *learning rate*.
5. No product grew, no update moved the weights, and one of them is huge: *bad parameters*.
6. No product grew, and inputs are finite but huge: *bad input or mask*.
7. *unclear*.

Cells with bounded states seldom overflow inside: where a rate of learning is far too high their weights are huge, their
units saturated, and their Jacobians small. So rules 3 and 4 both name it.
"""

import math
from collections.abc import Mapping

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.networks.faults.fault import Cause, Movement
from throughtime.networks.faults.growth import Growth

GROWN = 3.0  # log10 of a Jacobian product that explodes
ADDED_EACH = 0.1  # log10 by which one update lengthens the product
MOVED, MOVED_EACH = 0.5, 0.2  # of a weight's own length: in all, and on the average in one update
HUGE_ROW = 1e3  # length of a weight's rows beyond which one step already multiplies by so much
HUGE_INPUT = 1e6

_LOWER = "Lower the learning rate, warm it up, or clip the gradient."
_CLIP = "Clip the gradient (ClipNorm(1)), shorten the truncation, or start weight_hh smaller or orthogonal."


def bad_parameters(params: Mapping[str, Array]) -> list[str]:
    """The names of those that are not finite."""
    return [name for name, array in params.items() if not np.isfinite(array).all()]


def movement(now: Mapping[str, Array], before: Mapping[str, Array], updates: int | None) -> Movement | None:
    """The weight matrix that moved most against its own length; None where nothing did."""
    found: Movement | None = None
    for name, array in now.items():
        was = before[name].astype(np.float64)
        length = float(np.linalg.norm(was))
        if array.ndim != 2 or length == 0:  # biases and cells' own parameters may begin at zero
            continue
        share = float(np.linalg.norm(array - was)) / length
        if np.isfinite(share) and share > 0 and (found is None or share > found.share):
            found = Movement(name, share, updates)
    return found


def classify(
    params: Mapping[str, Array],
    bad: list[str],
    bad_input: str | None,
    largest_input: float,
    growth: Growth | None,
    growth_before: Growth | None,
    moved: Movement | None,
    finite_before: bool | None,
    jump: float | None = None,
) -> tuple[Cause, str, str]:
    """The cause, what speaks for it, and a remedy.

    Parameters
    ----------
    bad : list of str
        Parameters that are not finite.
    bad_input : str or None
        What is wrong with inputs, state or targets.
    largest_input : float
        The greatest magnitude among the inputs.
    growth, growth_before, moved
        As `Fault` has them.
    finite_before : bool or None
        Whether the weights before were finite; None without them.
    jump : float or None
        The gradient's norm by its usual one.
    """
    if bad:
        names = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        since = " (finite in the weights before: something has written it since)" if finite_before else ""
        return "bad parameters", f"{names} is not finite{since}", "Go back to the last good weights."
    if bad_input is not None:
        return "bad input or mask", bad_input, "Look at the data there; leave it out, or mend it."
    far = moved is not None and moved.share >= MOVED and moved.share >= MOVED_EACH * (moved.updates or 1)
    much = GROWN if jump is None or not 1 < jump < math.inf else min(GROWN, max(1.0, math.log10(jump)))
    if growth is not None and growth.peak_log10 >= much:
        evidence = [f"the Jacobian product comes to {growth}"]
        evidence += [] if growth_before is None else [f"with the weights before {growth_before}"]
        evidence += [] if moved is None else [str(moved)]
        if far or _came_with_the_updates(growth, growth_before, moved):
            return "learning rate", "; ".join(evidence), _LOWER
        evidence += ["there are no earlier weights to compare with"] if finite_before is None else []
        return "explosion", "; ".join(evidence), _CLIP
    if far:
        return "learning rate", str(moved), _LOWER
    name, row = _longest_row(params)
    if moved is None and row >= HUGE_ROW:
        because = f"{name} has a row of length {row:.3g}, and no update is known to have moved it"
        return "bad parameters", because, "Start from smaller weights."
    if largest_input >= HUGE_INPUT:
        return "bad input or mask", f"inputs reach {largest_input:.3g}", "Scale the inputs to about 1."
    seen = "no Jacobian could be measured" if growth is None else f"the Jacobian product comes to {growth}"
    still = (
        "there are no earlier weights to compare with"
        if finite_before is None
        else "the weights have not moved"
    )
    return (
        "unclear",
        f"{seen}; {still if moved is None else moved}",
        "Look at the sequence and step named, and clip the gradient.",
    )


def _came_with_the_updates(growth: Growth, before: Growth | None, moved: Movement | None) -> bool:
    """Whether a few updates made a product that grows out of one that did not."""
    if before is None or moved is None:
        return False
    added = growth.peak_log10 - before.peak_log10
    return added > growth.peak_log10 / 2 and added >= ADDED_EACH * (moved.updates or 1)


def _longest_row(params: Mapping[str, Array]) -> tuple[str, float]:
    lengths = {
        name: float(np.sqrt((array.astype(np.float64) ** 2).sum(axis=1)).max())
        for name, array in params.items()
        if array.ndim == 2
    }
    name = max(lengths, key=lengths.__getitem__)
    return name, lengths[name]
