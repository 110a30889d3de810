"""Charts of training itself: losses, and the norms of gradients."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from throughtime.flow.drawing import Axis, Mark, Series, Strip, lines
from throughtime.flow.drawing.numbers import is_number, told
from throughtime.flow.report.content import STEP, Record, evenly
from throughtime.flow.report.page import chart, details, table
from throughtime.machine.arrays import Array

# Stretches of training that are drawn as one point each.
_STRETCHES = 120
# From so large a ratio on a curve would lie flat on a linear axis.
_STEEP = 50.0


class Stretches(NamedTuple):
    """A long history in few points: the mean of each stretch, and its extremes, so that no peak is lost.

    `start`, `stop` and `step` are each stretch's first step, its last, and the middle of these.
    """

    start: list[float]
    stop: list[float]
    step: list[float]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


def stretches(steps: Sequence[float], values: Sequence[float | None], most: int = _STRETCHES) -> Stretches:
    """Cut a history into at most so many stretches, of equally many values; None, NaN and infinity are left out.

    Examples
    --------
    >>> found = stretches([1, 2, 3, 4], [1.0, 3.0, None, 7.0], most=2)
    >>> found.step, found.mean, found.low, found.high
    ([1.5, 3.5], [2.0, 7.0], [1.0, 7.0], [3.0, 7.0])
    """
    size = -(-len(steps) // most) or 1
    firsts = np.arange(0, len(steps), size)
    at = np.asarray(steps, np.float64)
    lasts = np.append(firsts[1:], len(at)) - 1
    known = np.array([value if is_number(value) else np.nan for value in values], np.float64)
    counts = np.add.reduceat(~np.isnan(known), firsts, dtype=np.int64) if len(at) else firsts
    with np.errstate(all="ignore"):
        # Divided before they are added: the sum of large ones need not be finite.
        shares = np.nan_to_num(known) / np.repeat(counts, np.diff(np.append(firsts, len(at))))
        mean = np.where(counts > 0, _reduced(np.add, shares, firsts), np.nan)
        low, high = _reduced(np.fmin, known, firsts), _reduced(np.fmax, known, firsts)
    start, stop = at[firsts], at[lasts]
    return Stretches(
        start.tolist(),
        stop.tolist(),
        ((start + stop) / 2).tolist(),
        *(_listed(each) for each in (mean, low, high)),
    )


def loss_chart(metrics: Sequence[Record]) -> str:
    """The learning curve."""
    updates = [record for record in metrics if "loss" in record]
    scored = [record for record in metrics if "val_loss" in record]
    if not updates and not scored:
        return ""
    series = []
    said = ["The loss is how badly the next token was predicted: lower is better."]
    if updates:
        train = stretches([record["step"] for record in updates], [record["loss"] for record in updates])
        series.append(Series("training text", train.step, train.mean, train.low, train.high, colour=0))
        said.append(_about(len(updates), train))
    if scored:
        steps, losses = [record["step"] for record in scored], [record["val_loss"] for record in scored]
        series.append(Series("held-out text", steps, losses, colour=1))
        said.append(
            "The held-out text is never trained on. If its loss rises while the other falls, the network is learning the "
            "training text by heart."
        )
    ends = [record for record in metrics if "stopped" in record]
    incidents = [record for record in metrics if "incident" in record]
    marks = [Mark(record["step"], "stopped here") for record in ends[-1:]]
    if incidents:
        first = (
            "an update went wrong"
            if len(incidents) == 1
            else f"{len(incidents)} updates went wrong, the first"
        )
        marks.append(Mark(incidents[0]["step"], first))
    known = [value for one in series for value in one.y if is_number(value) and value > 0]
    log = bool(known) and max(known) > _STEEP * float(np.median(known))
    title = "Learning curve"
    axis = Axis("loss (nats per token)", log=log)
    svg = lines(series, STEP, axis, title=title, description=said[0], marks=marks)
    return chart(title, svg, *said, more=_evaluations(scored))


def _evaluations(scored: Sequence[Record]) -> str:
    if not scored:
        return ""
    rows = [
        (f"{record['step']:,}", *(told(record.get(name)) for name in ("val_loss", "val_perplexity")))
        for record in (scored[k] for k in evenly(len(scored)))
    ]
    return details("Some of the numbers", table(["step", "loss on held-out text", "perplexity"], rows))


def norm_chart(metrics: Sequence[Record]) -> str:
    """The gradient's norm at each update, and where it was clipped."""
    updates = [record for record in metrics if "grad_norm" in record]
    if not updates:
        return ""
    steps = [record["step"] for record in updates]
    clipped = [float(bool(record.get("clipped"))) for record in updates]
    norms, shares = stretches(steps, [record["grad_norm"] for record in updates]), stretches(steps, clipped)
    spans = [
        (start - 0.5, stop + 0.5, share or 0.0)
        for start, stop, share in zip(shares.start, shares.stop, shares.mean, strict=True)
    ]
    share = sum(clipped) / len(clipped)
    said = ["The size of the gradient of each update, before clipping: how strongly the weights are pushed."]
    said.append(_about(len(updates), norms))
    if share:
        told = f"{100 * share:.0f}%" if share >= 0.01 else "under 1%"
        said.append(
            f"Clipping shortened {told} of the updates' gradients; the strip below shows where: the darker, the more."
        )
    else:
        said.append("No update was clipped.")
    title = "Size of the gradients"
    series = [Series("norm of the gradient", norms.step, norms.mean, norms.low, norms.high, colour=2)]
    strip = Strip("clipped", spans) if share else None
    axis = Axis("norm of the gradient", log=True)
    return chart(title, lines(series, STEP, axis, title=title, description=said[0], strip=strip), *said)


def _about(updates: int, found: Stretches) -> str:
    size = -(-updates // len(found.step))
    if size == 1:
        return "Each point is one update."
    return f"The line is the mean over {size} updates at a time; the shaded band reaches from the lowest to the highest of them."


def _reduced(ufunc: np.ufunc, values: Array, firsts: Array) -> Array:
    return np.asarray(ufunc.reduceat(values, firsts)) if len(values) else values


def _listed(values: Array) -> list[float | None]:
    return [float(value) if is_number(value) else None for value in values]
