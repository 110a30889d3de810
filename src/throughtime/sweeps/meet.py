"""What a profile does at each lag before the lag-parallel sweep goes on: join, measure, and keep within range."""

import math

import numpy as np

from throughtime.machine.arrays import Array
from throughtime.machine.rows import count_below, largest_magnitude, scale_row, sum_of_squares
from throughtime.machine.streams import parts, plus, read, row, rows, wide, write
from throughtime.sweeps.slots import (
    APART,
    GATES,
    PARAMETERS,
    PREACTIVATIONS,
    REST,
    S_AFTER,
    S_BEFORE,
    S_CARRIED,
    S_DSTATE,
    S_INPUT,
    S_RECURRENT,
    S_SUM,
    S_UNIT,
    STATES,
    SUMMED,
    total,
)

# The exponent of a row in which nothing has arrived, so that there is nothing to align with; an int32 for C's ldexp.
NOTHING = -(1 << 30)
# A row's sum of squares may drift between these before the row is brought back to about 1.
_LOW, _HIGH = 2.0**-40, 2.0**40


def meet(
    back: int,
    first: int,
    steps: Array,
    sequences: Array,
    kept: Array,
    recurrent: Array,
    unit: Array,
    entering: Array,
    states: Array,
    above: Array,
    above_exponents: Array,
    dh: Array,
    dstate: Array,
    exponents: Array,
    seen: Array,
    smallest: int,
    norms: Array,
    lost: Array,
) -> None:
    """Let what comes from the layer above join a layer's own rows, and measure the gradients that have arrived.

    A row stands for its numbers times 2^exponent, an exponent of its own in each layer. So nothing overflows or vanishes
    on the way, however far it goes, and the norms are right over the whole range of float64.

    Parameters
    ----------
    back, first, steps, sequences, kept, recurrent, unit, entering, states
        As `lag` has them.
    above : (R, H), or (0, H) for the last layer
        dE_t/dh at step t - back by way of the layer above, at the same step.
    above_exponents : (R,) of int
    dh : (R, H), dstate : (STATES, R, H)
        As `lag` takes them; `above` is added to dh, and both are brought into range.
    exponents : (R,) of int
        Of dh and dstate; changed with them.
    seen : (STATES, H)
        Room for one row.
    smallest : int
        The exponent of the smallest normal number of the arrays' type.
    norms : (STATES, R) of float64
        Out: the norms of dE_t/dh and of dE_t/d(each other part of the state), total derivatives.
    lost : (R,) of int
        Out: how many entries of dE_t/dh are too small for a normal number, and not 0.
    """
    wide()
    R, H = dh.shape
    per_unit, of_seen = rows(unit, ()), rows(seen, ())
    for r in range(first, R):
        step, b = steps[r] - back, sequences[r]
        if len(above):
            common = max(exponents[r], above_exponents[r])
            scale_row(dh[r], exponents[r] - common)
            for s in range(STATES):
                scale_row(dstate[s, r], exponents[r] - common)
            scale_row(above[r], above_exponents[r] - common)
            for j in range(H):
                dh[r, j] += above[r, j]
            exponents[r] = common
        k, ah = rows(kept, (step, b)), rows(recurrent, (step if APART else 0, b))
        before, after = parts(entering, (step, b)), parts(states, (step + 1, b))
        arrived, ds = row(dh, (r,)), parts(dstate, (r,))
        for j in range(H):
            dh_new = plus(read(arrived, 0, 1, j, S_CARRIED), read(ds, 0, 1, j, S_DSTATE))
            values = read(k, 0, GATES, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
            parameters = read(per_unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
            whole = total(
                dh_new + read(ds, 1, REST, j, S_DSTATE),
                values,
                read(before, 0, STATES, j, S_BEFORE),
                read(after, 0, STATES, j, S_AFTER),
                *parameters,
            )
            write(of_seen, 0, STATES, j, S_SUM, whole, 0)
        squares = 0.0
        for s in range(STATES):
            norms[s, r] = sum_of_squares(seen[s])
            squares = max(squares, norms[s, r])
        if not _LOW < squares < _HIGH:
            shift = 0
            most = 0.0
            for s in range(STATES):
                most = max(most, largest_magnitude(seen[s]))
            if most == 0.0:
                exponents[r] = NOTHING
            elif math.isfinite(most):
                shift = math.frexp(most)[1]
                exponents[r] += shift
            scale_row(dh[r], -shift)
            for s in range(STATES):
                scale_row(dstate[s, r], -shift)
                scale_row(seen[s], -shift)
                norms[s, r] = sum_of_squares(seen[s])
        for s in range(STATES):
            norms[s, r] = np.ldexp(math.sqrt(norms[s, r]), exponents[r])
        lost[r] = 0
        if exponents[r] < 0:  # otherwise whatever the row can hold is a normal number
            lost[r] = count_below(seen[0], np.ldexp(1.0, min(smallest - exponents[r], 1000)))
