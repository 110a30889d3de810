"""The two ways back over layers: through all time, segment by segment, or through a window, lag by lag.

Both leave the gradients of each layer's pre-activations, from which those of the parameters are made.
"""

from dataclasses import dataclass, field

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.deltas import Deltas, room_for_deltas, spend_trace
from throughtime.networks.dropout import masked
from throughtime.networks.lag_rows import LagRows
from throughtime.networks.omega import Terms, find_terms
from throughtime.networks.trace import Trace
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell
from throughtime.truncation import Segment, Truncation, passes


@dataclass
class Swept:
    """What a way back found.

    deltas: layer by layer, over all that was differentiated. dstate: (STATES, num_layers, B, H), of the initial state.
    omega: terms of Omega, where they were wanted, by the name of the recurrent weight.
    """

    deltas: list[Deltas]
    dstate: Array
    omega: dict[str, Terms] = field(default_factory=dict)


def through_all_time(
    params: dict[str, Array],
    trace: Trace,
    dy: Array,
    dlast: Array,
    truncation: Truncation,
    workspace: Workspace,
    omega: bool,
    spend: bool,
) -> Swept:
    """Segments that do not overlap at once, and for these through the layers from the top down, one sweep each.

    dy is (T, B, H), of the outputs; dlast (STATES, num_layers, B, H), of the last state. With `spend` the gradients may
    take the place of the trace's values, as they do where one pass is enough.
    """
    T, B, H = dy.shape
    layers = range(len(trace.layers))
    all_passes = list(passes(truncation.segments(T)))
    spend = spend and len(all_passes) == 1
    summed = [
        spend_trace(trace.cell, layer)
        if spend
        else room_for_deltas(trace.cell, layer, workspace.part(f"layer {k}"))
        for k, layer in enumerate(trace.layers)
    ]
    recurrence = workspace.products.recurrence(T, dy.dtype)
    weights = [recurrence.backward(params[f"weight_hh_l{k}"], workspace.part(f"layer {k}")) for k in layers]
    sweep = for_cell(reverse, trace.cell, in_place=spend, recurrence=recurrence)
    dh = np.empty((B, H), dy.dtype)
    swept = Swept(summed, np.zeros_like(dlast))
    for number, segments in enumerate(all_passes):
        cut, scored = trace.cuts(segments), _scored(segments, T)
        # The gradient of a sequence's last state belongs to its last step, as an output there would.
        dstates = np.where(scored[trace.lengths - 1][:, None], dlast, 0)
        above = dy if scored.all() else np.where(scored[:, None, None], dy, 0)
        for k in reversed(layers):
            layer, total = trace.layers[k], summed[k]
            found = total if number == 0 else room_for_deltas(trace.cell, layer, workspace.part("pass"))
            dstate = np.ascontiguousarray(dstates[:, k])
            sweep(
                *layer.swept,
                cut,
                trace.lengths,
                above,
                weights[k],
                dstate,
                found.input,
                found.apart,
                total.unit,
                dh,
            )
            swept.dstate[:, k] += dstate
            if omega:
                name = f"weight_hh_l{k}"
                terms = find_terms(
                    found.recurrent, above, params[name], cut, trace.lengths, workspace.part("omega")
                )
                swept.omega[name] = terms.joined(swept.omega.get(name))
            if found is not total:
                total.input += found.input
                total.apart += found.apart
            if k:
                rows = found.input.reshape(T * B, -1)
                dinput = workspace.empty("dinput", (T * B, H), dy.dtype)
                workspace.multiply(rows, params[f"weight_ih_l{k}"], dinput)
                above = masked(dinput.reshape(T, B, H), layer.mask)
    return swept


def through_window(
    params: dict[str, Array], trace: Trace, dy: Array, dlast: Array, window: int, workspace: Workspace
) -> Swept:
    """Lag by lag, and within a lag through the layers from the top down; all origins at once.

    dy and dlast as `through_all_time` has them.
    """
    T, B, H = dy.shape
    real = np.arange(T)[:, None] < trace.lengths
    steps, sequences = np.nonzero(real)
    rows = LagRows(params, trace, steps, sequences, workspace)
    rows.dh[-1][...] = dy[real]
    # The gradient of a sequence's last state belongs to its last step, as an output there would.
    ends = (np.cumsum(real).reshape(T, B) - 1)[trace.lengths - 1, np.arange(B)]
    for k, dstate in enumerate(rows.dstate):
        dstate[:, ends] = dlast[:, k]
    sums = [
        room_for_deltas(trace.cell, layer, workspace.part(f"layer {k}"))
        for k, layer in enumerate(trace.layers)
    ]
    for deltas in sums:
        deltas.input[...] = deltas.apart[...] = 0
    swept = Swept(sums, np.zeros_like(dlast))
    for back in range(window + 1):
        rows.go(back, back == window, _add, sums)
        if back < window:  # the origins of step `back` have come to the initial state
            come = slice(rows.first(back), rows.first(back + 1))
            for k in range(len(trace.layers)):
                swept.dstate[:, k, sequences[come]] += rows.dstate[k][:, come]
                swept.dstate[0, k, sequences[come]] += rows.dh[k][come]
    return swept


def _add(rows: LagRows, back: int, first: int, k: int, above: Array) -> None:
    if len(above):
        rows.dh[k][first:] += above[first:]


def _scored(segments: list[Segment], T: int) -> Array:
    """(T,) of bool: the steps whose losses these segments differentiate."""
    scored = np.zeros(T, np.bool_)
    for segment in segments:
        scored[segment.scored : segment.stop] = True
    return scored
