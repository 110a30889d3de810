"""A training step examined: the public entry."""

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError, TokenError
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.networks.faults.cause import Evidence, classify, movement
from throughtime.networks.faults.fault import Fault, Place
from throughtime.networks.faults.growth import Growth, measure_growth
from throughtime.networks.faults.search import Search
from throughtime.networks.faults.steps import Batch
from throughtime.networks.layer import State
from throughtime.networks.network import Network
from throughtime.networks.validation import check_array, check_lengths, check_params, check_reset
from throughtime.truncation import Truncation, require_truncation


def examine(
    model: Network,
    inputs: Array,
    targets: Array,
    state: State | None = None,
    truncation: Truncation | None = None,
    reduction: str = "mean",
    reset: Array | None = None,
    lengths: Array | None = None,
    *,
    masks: Sequence[Array | None] | None = None,
    before: Mapping[str, Array] | None = None,
    updates: int | None = None,
    lr: float | None = None,
    norm: float | None = None,
    usual_norm: float | None = None,
) -> Fault:
    """Run a training step again with every value checked: where the first bad one arose, and why.

    Step by step and layer by layer, through the equations of the model's own cell; it takes tens of times as long as
    `bptt`. A bad value is one that is not finite, an id out of range, or a target that the loss cannot take. First is
    what comes first in time, then in the lower layer, then in the order of a step's operations; the loss comes after all
    that is forward; on the way back first is what is nearest to the last step, then to the top.

    Parameters
    ----------
    model, inputs, targets, state, truncation, reduction, reset, lengths
        As `throughtime.bptt` has them. Nothing is changed.
    masks : sequence of (T, B, H) or None, optional
        Dropout's masks as they were, one for each layer but the last; without them there is no dropout.
    before : dict of str to ndarray, optional
        The last weights that were good: whether the weights since then are the cause can only be told with them.
    updates : int, optional
        How many updates lie between `before` and now.
    lr, norm, usual_norm : float, optional
        The learning rate, the gradient's norm and its running median, for the report.

    Returns
    -------
    Fault
        str() of it is a report, `line` one line, `record()` fit for JSON. Where no value is bad `first` is None, and the
        growth is that over the longest stretch that the truncation differentiates: a gradient that is only large.

    Raises
    ------
    ShapeError, DtypeError, ArgumentError
        An argument does not fit the model. Bad values are what is looked for, and raise nothing.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = tt.SequenceModel(2, 4, 1, cell="lstm", seed=0)
    >>> x, targets = np.zeros((9, 3, 2), np.float32), np.zeros((9, 3, 1), np.float32)
    >>> x[5, 1, 0] = np.nan
    >>> fault = examine(model, x, targets)
    >>> fault.cause
    'bad input or mask'
    >>> print(fault.first)
    input of sequence 1, step 5, layer 0
    """
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"reduction {reduction!r} found; expected 'mean' or 'sum'. Use 'sum' for the article's."
        )
    truncation = require_truncation(truncation)
    check_params(model.params, model.shapes, model.dtype)
    inputs, targets = np.asarray(inputs), np.asarray(targets)
    with contextlib.suppress(TokenError):  # an id out of range is a finding
        model._source(inputs)
    batch = _batch(model, inputs, state, reset, lengths, masks)
    targets = _targets(model, targets, batch)
    # What overflows is what is looked for.
    with computing(), np.errstate(all="ignore"):
        search = Search(model, batch, targets, truncation, "sum" if reduction == "sum" else "mean")
        first = search.first()
        if norm is None and first is None:
            norm = float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in search.grads.values())))
        readable = _ids_in_range(model, inputs)
        growth = _growth(model, batch, truncation, first) if readable else None
        growth_before = moved = None
        if before is not None:
            earlier = model.astype(model.dtype)
            earlier.load_params(before)
            growth_before = _growth(earlier, batch, truncation, first) if readable else None
            moved = movement(model.params, earlier.params, updates)
        evidence = Evidence(
            params=model.params,
            before=before,
            bad_input=_bad_input(batch, search, first),
            largest_input=float(np.abs(inputs).max()) if inputs.dtype.kind == "f" else 0.0,
            growth=growth,
            growth_before=growth_before,
            moved=moved,
            jump=norm / usual_norm if norm is not None and usual_norm else None,
        )
        cause, because, remedy = classify(evidence)
        if first is None and norm is not None and not np.isfinite(norm):
            because += "; run again step by step every value is finite"
    return Fault(
        first=first,
        cause=cause,
        because=because,
        remedy=remedy,
        growth=growth,
        growth_before=growth_before,
        moved=moved,
        largest=search.largest,
        loss=float(search.loss),
        norm=norm,
        usual_norm=usual_norm,
        lr=lr,
    )


def _batch(
    model: Network,
    inputs: Array,
    state: State | None,
    reset: Array | None,
    lengths: Array | None,
    masks: Sequence[Array | None] | None,
) -> Batch:
    T, B = inputs.shape[:2]
    layers = model.layers.num_layers
    lengths = check_lengths(lengths, T, B)
    lengths = np.full(B, T) if lengths is None else lengths
    reset = check_reset(reset, T, B)
    reset = np.zeros((T, B), np.bool_) if reset is None else reset & (np.arange(T)[:, None] < lengths)
    if masks is not None and (
        len(masks) != layers - 1
        or any(mask is not None and mask.shape != (T, B, model.layers.hidden_size) for mask in masks)
    ):
        shapes = [None if mask is None else mask.shape for mask in masks]
        raise ShapeError(
            f"masks have shapes {shapes}; expected {layers - 1} of (T={T}, batch={B}, "
            f"hidden_size={model.layers.hidden_size}). Pass masks=None where dropout did not act."
        )
    return Batch(
        inputs,
        model.layers.state_in("state", state, B),
        reset,
        lengths,
        [None, *(masks if masks is not None else [None] * (layers - 1))],
    )


def _targets(model: Network, targets: Array, batch: Batch) -> Array:
    """Targets of the right shape and type, whatever their values."""
    shape: tuple[int, ...] = (batch.T, batch.B) if model.at == "every" else (batch.B,)
    axes: tuple[str, ...] = ("T", "batch") if model.at == "every" else ("batch",)
    if model.loss == "softmax":
        if targets.dtype.kind not in "iu":
            raise DtypeError(
                f"targets have dtype {targets.dtype}; expected integer class ids. Convert them with astype('int64')."
            )
        return check_array("targets", targets.astype(np.int64), shape, axes, np.dtype(np.int64))
    return check_array("targets", targets, (*shape, model.output_size), (*axes, "output_size"), model.dtype)


def _ids_in_range(model: Network, inputs: Array) -> bool:
    try:
        model._source(inputs)
    except TokenError:
        return False
    return True


def _growth(model: Network, batch: Batch, truncation: Truncation, first: Place | None) -> Growth | None:
    """Up to the bad value: from its step to the beginning, or, where it arose on the way back, from the end to its step."""
    sequences = list(range(batch.B)) if first is None or first.b is None else [first.b]
    if first is not None and first.t is not None and first.phase != "backward":
        return measure_growth(model, batch, sequences, 0, first.t + 1)
    segments = list(truncation.segments(batch.T))
    if first is None or first.t is None:
        longest = max(segments, key=lambda segment: segment.stop - segment.start)
        return measure_growth(model, batch, sequences, longest.start, longest.stop)
    stop = max(segment.stop for segment in segments if segment.start <= first.t < segment.stop)
    return measure_growth(model, batch, sequences, first.t, stop)


def _bad_input(batch: Batch, search: Search, first: Place | None) -> str | None:
    """What is wrong with what the step was given; None if nothing is."""
    if search.count == 0:
        return "no target counts: the mask leaves none"
    if first is not None and first.operation == "target":
        return f"the target of sequence {first.b}, step {first.t} is {first.value:g}"
    inputs, running = batch.inputs, search.running
    if first is not None and first.operation == "input" and inputs.dtype.kind in "iu":
        return f"inputs[{first.t}, {first.b}] is {first.value:g}, which is no token"
    if inputs.dtype.kind == "f":
        wrong = ~np.isfinite(inputs) & running[:, :, None]
        if wrong.any():
            t, b, i = (int(n) for n in np.argwhere(wrong)[0])
            more = int(wrong.sum()) - 1
            return f"inputs[{t}, {b}, {i}] is {inputs[t, b, i]:g}" + (f", as are {more} more" if more else "")
    if batch.state is not None:
        wrong = ~np.isfinite(batch.state) & ~batch.reset[0][:, None]
        if wrong.any():
            s, k, b, j = (int(n) for n in np.argwhere(wrong)[0])
            name = search.steps.cell.states[s]
            return f"the initial state {name} of sequence {b}, layer {k} is {batch.state[s, k, b, j]:g}"
    return None
