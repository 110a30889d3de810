"""The reverse sweep: backpropagation through time, the losses of all later steps summed as it goes."""

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
    S_UNIT,
    STATES,
    SUMMED,
    UNIT,
    backward,
    matmul,
)


def reverse(
    kept: Array,
    recurrent: Array,
    unit: Array,
    entering: Array,
    states: Array,
    cut: Array,
    lengths: Array,
    dy: Array,
    w: Array,
    dstate: Array,
    da: Array,
    dr: Array,
    dunit: Array,
    dh: Array,
) -> None:
    """Go back over what `unroll` left.

    Parameters
    ----------
    kept, recurrent, unit, entering, states, lengths
        As `unroll` has them.
    cut : (T, B) of bool, or (0, 0) for none
        Where true, no gradient crosses from the step to the state that entered it.
    dy : (T, B, H)
        dE/dh of each step, from above.
    w : the recurrent weights as `Recurrence.backward` lays them out.
    dstate : (STATES, B, H)
        In: the gradient of the last state. Out: of the first.
    da : (T, B, GATES, H)
        Out: gradients of the input halves of the pre-activations.
    dr : (T, B, GATES, H) where halves stay apart, otherwise (0, B, GATES, H)
        Out: gradients of the recurrent halves, where they differ from `da`.
    dunit : (UNIT, H)
        Gradients of `unit` are added here.
    dh : (B, H)
        Scratch: what comes back through the recurrent weights.
    """
    wide()
    T, B, _, H = kept.shape
    dh[:] = 0
    for t in range(T - 1, -1, -1):
        for b in range(B):
            k, before, after = kept[t, b], entering[:, t, b], states[:, t + 1, b]
            ah = recurrent[t if APART else 0, b]
            above, carried, ds = dy[t, b : b + 1], dh[b : b + 1], dstate[:, b]
            dax = da[t, b]
            dah = (dr if APART else da)[t, b]
            if t >= lengths[b]:
                dax[:] = 0
                dah[:] = 0
                continue
            for j in range(H):
                dh_new = plus(read(above, 0, 1, j, S_ABOVE), read(carried, 0, 1, j, S_CARRIED))
                dnew = plus(dh_new, read(ds, 0, 1, j, S_DSTATE)) + read(ds, 1, REST, j, S_DSTATE)
                values = read(k, 0, GATES, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
                parameters = read(unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
                result = backward(
                    dnew,
                    values,
                    read(before, 0, STATES, j, S_BEFORE),
                    read(after, 0, STATES, j, S_AFTER),
                    *parameters,
                )
                delta, dbefore, dparameters = result[0], result[1], result[2:]
                write(ds, 0, STATES, j, S_DSTATE, dbefore, 0)
                write(dax, 0, GATES, j, S_DINPUT, delta, 0)
                if APART:
                    write(dah, 0, SUMMED, j, S_DRECURRENT, delta, 0)
                    write(dah, SUMMED, APART, j, S_DRECURRENT, delta, GATES)
                total = plus(read(dunit, 0, UNIT, j, S_DUNIT), delta + dparameters)
                write(dunit, 0, UNIT, j, S_DUNIT, total, 0)
        matmul((dr if APART else da)[t].reshape(B, GATES * H), w, dh)
        if cut.size:
            for b in range(B):
                if cut[t, b]:
                    dh[b] = 0
                    dstate[:, b] = 0
    for b in range(B):
        for j in range(H):
            dstate[0, b, j] += dh[b, j]
