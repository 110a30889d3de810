"""The lag-parallel sweep: many output steps' own gradients at once, each apart, one lag further back at each call.

An *origin* is an output step of one sequence, with the loss E_t. Each origin has a row of the arrays that move, which
holds the gradient of its loss alone; at lag l it stands at step t - l. Rows are in the order of their steps, so that
those which have not yet come to the initial state are always the last ones.

The article's truncation is this sweep over all origins stopped at a lag, with what each step receives added up; full
BPTT is this sweep not stopped; the norms of its rows on the way are the profile of the gradient's flow.
"""

from throughtime.machine.arrays import Array
from throughtime.machine.streams import parts, plus, read, row, rows, wide, write
from throughtime.sweeps.slots import (
    APART,
    GATES,
    PARAMETERS,
    PREACTIVATIONS,
    REST,
    S_ABOVE,
    S_AFTER,
    S_BEFORE,
    S_CARRIED,
    S_DINPUT,
    S_DRECURRENT,
    S_DSTATE,
    S_DUNIT,
    S_INPUT,
    S_RECURRENT,
    S_SUM,
    S_UNIT,
    STATES,
    SUMMED,
    SUMMING,
    UNIT,
    backward,
    matmul,
)


def lag(
    back: int,
    first: int,
    last: bool,
    steps: Array,
    sequences: Array,
    kept: Array,
    recurrent: Array,
    unit: Array,
    entering: Array,
    states: Array,
    cut: Array,
    w: Array,
    dh: Array,
    dstate: Array,
    delta_input: Array,
    delta_recurrent: Array,
    da: Array,
    dr: Array,
    dunit: Array,
) -> None:
    """Take one layer's gradients of the rows from `first` on through the step that lies `back` before their origin.

    Parameters
    ----------
    back : int
        The lag.
    first : int
        The first row with steps[row] >= back.
    last : bool
        Whether the way ends here, so that nothing goes on to lag back + 1.
    steps, sequences : (R,) of int
        The origins, in the order of their steps.
    kept, recurrent, unit, entering, states
        As `unroll` has them.
    cut : (T, B) of bool, or (0, 0) for none
        As `reverse` has it.
    w : the recurrent weights as `Recurrence.backward` lays them out.
    dh : (R, H)
        In: dE_t/dh at step t - back, apart from `dstate`. Out: what reaches step t - back - 1 through the weights; of a
        row whose t is back that is the gradient of the initial state.
    dstate : (STATES, R, H)
        The same on the paths without weights.
    delta_input : (R, GATES, H), delta_recurrent : the same where halves stay apart, otherwise (0, GATES, H)
        Out: dE_t/da at step t - back.
    da, dr : as delta_input, delta_recurrent, by step: (T, B, GATES, H), (T or 0, B, GATES, H)
        Where SUMMING, these deltas are added here.
    dunit : (UNIT, H)
        Where SUMMING, gradients of `unit` are added here.
    """
    wide()
    R, H = dh.shape
    per_unit, dper_unit = rows(unit, ()), rows(dunit, ())
    for r in range(first, R):
        step, b = steps[r] - back, sequences[r]
        k, ah = rows(kept, (step, b)), rows(recurrent, (step if APART else 0, b))
        before, after = parts(entering, (step, b)), parts(states, (step + 1, b))
        carried, ds = row(dh, (r,)), parts(dstate, (r,))
        dax, dah = rows(delta_input, (r,)), rows(delta_recurrent if APART else delta_input, (r,))
        if SUMMING:
            sum_x, sum_h = rows(da, (step, b)), rows(dr if APART else da, (step, b))
        for j in range(H):
            dh_new = plus(read(carried, 0, 1, j, S_CARRIED), read(ds, 0, 1, j, S_DSTATE))
            values = read(k, 0, GATES, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
            parameters = read(per_unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
            result = backward(
                dh_new + read(ds, 1, REST, j, S_DSTATE),
                values,
                read(before, 0, STATES, j, S_BEFORE),
                read(after, 0, STATES, j, S_AFTER),
                *parameters,
            )
            delta, dbefore, dparameters = result[0], result[1], result[2:]
            delta_h = delta[:SUMMED] + delta[GATES:]
            write(ds, 0, STATES, j, S_DSTATE, dbefore, 0)
            write(dax, 0, GATES, j, S_DINPUT, delta, 0)
            if APART:
                write(dah, 0, GATES, j, S_DRECURRENT, delta_h, 0)
            if SUMMING:
                write(sum_x, 0, GATES, j, S_SUM, plus(read(sum_x, 0, GATES, j, S_SUM), delta[:GATES]), 0)
                if APART:
                    write(sum_h, 0, GATES, j, S_ABOVE, plus(read(sum_h, 0, GATES, j, S_ABOVE), delta_h), 0)
                total = plus(read(dper_unit, 0, UNIT, j, S_DUNIT), delta + dparameters)
                write(dper_unit, 0, UNIT, j, S_DUNIT, total, 0)
    if last:
        return
    n = R - first
    matmul((delta_recurrent if APART else delta_input)[first:].reshape(n, GATES * H), w, dh[first:])
    if cut.size:
        for r in range(first, R):
            if cut[steps[r] - back, sequences[r]]:
                dh[r] = 0
                dstate[:, r] = 0
