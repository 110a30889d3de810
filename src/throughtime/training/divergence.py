"""When training has diverged, and what to say of it."""

import math
import shlex
from collections.abc import Mapping
from pathlib import Path

from throughtime.machine.arrays import Array
from throughtime.networks.faults import Fault, not_finite
from throughtime.optim.structured import Gradient, as_array
from throughtime.training.plan import Plan

# A blind guess costs ln V nats a token. No model that learns is a hundred times worse, but one whose bounded cells
# keep every number finite can be, without end.
_TIMES_BLIND = 100.0


def absurd_loss(loss: float, vocab_size: int, name: str = "the loss") -> str | None:
    """What is wrong with a loss in nats per token; None if nothing is."""
    if not math.isfinite(loss):
        return f"{name} is {loss}; expected a finite number"
    limit = _TIMES_BLIND * math.log(max(vocab_size, 3))
    if loss > limit:
        return f"{name} is {loss:.3g} nats per token; expected at most {limit:.3g}, 100 times a blind guess"
    return None


def absurd_gradient(norm: float, grads: Mapping[str, Gradient]) -> str | None:
    """What is wrong with a gradient of this norm, and in which parameters; None if nothing is."""
    if math.isfinite(norm):
        return None
    odd = not_finite({name: as_array(gradient) for name, gradient in grads.items()})
    return f"the gradient of {odd or 'all parameters together'} is not finite; expected finite numbers"


def absurd_weights(params: Mapping[str, Array]) -> str | None:
    """Which parameters an update has made infinite or NaN, in a few words; None if none."""
    odd = not_finite(params)
    return f"the parameter {odd} is not finite; expected finite numbers" if odd else None


def jump(norm: float, usual: float | None) -> str:
    """What is wrong with a gradient that is finite, and far longer than those before."""
    expected = "a finite number" if usual is None else f"about {usual:.3g}, its running median"
    return f"the gradient's norm is {norm:.3g}; expected {expected}"


def report(
    step: int,
    wrong: str,
    plan: Plan,
    lr: float,
    last: tuple[int, float] | None,
    kept: str | None,
    fault: Fault | None,
    path: Path | None,
) -> str:
    """One line: what was found and expected, the settings it came from, where the weights are, what to do.

    Parameters
    ----------
    step : int
        The update that was not made, or, if it is the validation that failed, the last that was.
    wrong : str
        Found and expected.
    last : (int, float) or None
        The last step whose loss was finite, and that loss in nats per token.
    kept : str or None
        Where the last good weights are, if training ends with this; None where it goes on.
    fault : Fault or None
        What an examination of the step has found.
    path : Path or None
        Where it is kept.
    """
    clip = "none" if plan.clip is None else str(plan.clip)
    before = "the first loss" if last is None else f"last finite loss {last[1]:.3g} at step {last[0]}"
    what = f"step {step} went wrong" if kept is None else f"training diverged at step {step}"
    parts = [f"{what}: {wrong} (learning rate {lr:g}, clipping {clip}, {before})."]
    if fault is not None and fault.first is not None:
        parts.append(f"First: {fault.first} is {fault.first.value:g}.")
    if fault is not None:
        parts.append(f"Cause, {fault.cause}: {fault.because}.")
    if kept is not None:
        advice = f"Lower the learning rate (--lr {_lower(lr)})"
        clipping = ", or clip the gradient (--clip-norm 1)." if clip == "none" else "."
        parts += [kept, advice + clipping if fault is None else fault.remedy]
    if path is not None:
        run = shlex.quote(str(path.parent.parent))
        parts.append(f"See it again: throughtime replay {run} {path.stem}")
    return " ".join(parts)


def _lower(lr: float) -> str:
    """A tenth, and no more than is sane for any optimiser."""
    return f"{min(lr / 10, 1e-2):g}"
