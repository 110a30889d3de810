"""The reverse sweep: backpropagation through time, the losses of all later steps summed as it goes."""

from throughtime.machine.arrays import Array
from throughtime.machine.streams import parts, plus, read, row, rows, wide, write
from throughtime.sweeps.slots import (
    APART,
    GATES,
    IN_PLACE,
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
        IN_PLACE, `da` is `kept` and `dr` is `recurrent`, whose values are lost: a third less of memory to go through,
        and a step back of a GRU takes 3.0 -> 1.9 ns a unit.
    dunit : (UNIT, H)
        Gradients of `unit` are added here.
    dh : (B, H)
        Scratch: what comes back through the recurrent weights.
    """
    wide()
    T, B, _, H = kept.shape
    per_unit, dper_unit = rows(unit, ()), rows(dunit, ())
    # One and the same array in the compiler's eyes: two that it takes for different ones must never be the same.
    deltas_x = kept if IN_PLACE else da
    deltas = (recurrent if IN_PLACE else dr) if APART else deltas_x
    factors = deltas.reshape(T, B, GATES * H)
    dh[:] = 0
    for t in range(T - 1, -1, -1):
        for b in range(B):
            if t >= lengths[b]:
                deltas_x[t, b] = 0
                deltas[t, b] = 0
                continue
            k, ah = rows(kept, (t, b)), rows(recurrent, (t if APART else 0, b))
            before, after = parts(entering, (t, b)), parts(states, (t + 1, b))
            above, carried, ds = row(dy, (t, b)), row(dh, (b,)), parts(dstate, (b,))
            dax, dah = rows(deltas_x, (t, b)), rows(deltas, (t, b))
            for j in range(H):
                dh_new = plus(read(above, 0, 1, j, S_ABOVE), read(carried, 0, 1, j, S_CARRIED))
                dnew = plus(dh_new, read(ds, 0, 1, j, S_DSTATE)) + read(ds, 1, REST, j, S_DSTATE)
                values = read(k, 0, GATES, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
                parameters = read(per_unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
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
                total = plus(read(dper_unit, 0, UNIT, j, S_DUNIT), delta + dparameters)
                write(dper_unit, 0, UNIT, j, S_DUNIT, total, 0)
        matmul(factors[t], w, dh)
        if cut.size:
            for b in range(B):
                if cut[t, b]:
                    dh[b] = 0
                    dstate[:, b] = 0
    for b in range(B):
        for j in range(H):
            dstate[0, b, j] += dh[b, j]
