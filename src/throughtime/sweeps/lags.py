"""The lag-parallel sweep: every output step's own gradient at once, one lag further back at each call.

Row t of the arrays that move belongs to *origin* t, the step of the loss E_t, and holds the gradient of E_t alone;
at lag l it stands at step t - l. Nothing is shifted: the arrays of origins are indexed by t, the trace by t - l.
The article's truncation is this sweep stopped at a lag; full BPTT is this sweep not stopped.
"""

from throughtime.machine.arrays import Array
from throughtime.machine.streams import plus, read, wide, write
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
    UNIT,
    backward,
    matmul,
)


def lag(
    back: int,
    last: bool,
    kept: Array,
    recurrent: Array,
    unit: Array,
    entering: Array,
    states: Array,
    cut: Array,
    lengths: Array,
    w: Array,
    dh: Array,
    dstate: Array,
    delta_input: Array,
    delta_recurrent: Array,
    da: Array,
    dr: Array,
    dunit: Array,
) -> None:
    """Take one layer's gradients of all origins t >= back through step t - back.

    Parameters
    ----------
    back : int
        The lag.
    last : bool
        Whether the window ends here, so that nothing goes on to lag back + 1.
    kept, recurrent, unit, entering, states, lengths
        As `unroll` has them; a step beyond a sequence's end is no origin.
    cut : (T, B) of bool, or (0, 0) for none
        As `reverse` has it.
    w : what `pack_backward` made of the recurrent weights.
    dh : (T, B, H)
        In: dE_t/dh at step t - back, apart from `dstate`. Out: what reaches step t - back - 1 through the weights,
        in rows t >= back; row t = back is then the gradient of the initial state.
    dstate : (STATES, T, B, H)
        The same on the paths without weights.
    delta_input : (T, B, GATES, H), delta_recurrent : the same where halves stay apart, otherwise (0, B, GATES, H)
        Out: dE_t/da at step t - back, in rows t >= back.
    da, dr : as delta_input, delta_recurrent
        These deltas are added here, by step.
    dunit : (UNIT, H)
        Gradients of `unit` are added here.
    """
    wide()
    T, B, _, H = kept.shape
    for t in range(back, T):
        step = t - back
        for b in range(B):
            k, before, after = kept[step, b], entering[:, step, b], states[:, step + 1, b]
            ah = recurrent[step if APART else 0, b]
            carried, ds = dh[t, b : b + 1], dstate[:, t, b]
            dax, sum_x = delta_input[t, b], da[step, b]
            dah, sum_h = (delta_recurrent if APART else delta_input)[t, b], (dr if APART else da)[step, b]
            if t >= lengths[b]:
                dax[:] = 0
                dah[:] = 0
                continue
            for j in range(H):
                dh_new = plus(read(carried, 0, 1, j, S_CARRIED), read(ds, 0, 1, j, S_DSTATE))
                values = read(k, 0, GATES, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
                parameters = read(unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
                result = backward(
                    dh_new + read(ds, 1, REST, j, S_DSTATE),
                    values,
                    read(before, 0, STATES, j, S_BEFORE),
                    read(after, 0, STATES, j, S_AFTER),
                    *parameters,
                )
                delta, dbefore, dparameters = result[0], result[1], result[2:]
                write(ds, 0, STATES, j, S_DSTATE, dbefore, 0)
                write(dax, 0, GATES, j, S_DINPUT, delta, 0)
                write(sum_x, 0, GATES, j, S_SUM, plus(read(sum_x, 0, GATES, j, S_SUM), delta[:GATES]), 0)
                if APART:
                    delta_h = delta[:SUMMED] + delta[GATES:]
                    write(dah, 0, GATES, j, S_DRECURRENT, delta_h, 0)
                    write(sum_h, 0, GATES, j, S_ABOVE, plus(read(sum_h, 0, GATES, j, S_ABOVE), delta_h), 0)
                total = plus(read(dunit, 0, UNIT, j, S_DUNIT), delta + dparameters)
                write(dunit, 0, UNIT, j, S_DUNIT, total, 0)
    if last:
        return
    n = (T - back) * B
    matmul(
        (delta_recurrent if APART else delta_input)[back:].reshape(n, GATES * H), w, dh[back:].reshape(n, H)
    )
    if cut.size:
        for t in range(back, T):
            for b in range(B):
                if cut[t - back, b]:
                    dh[t, b] = 0
                    dstate[:, t, b] = 0
