"""The forward sweep: a cell unrolled over time."""

from throughtime.machine.arrays import Array
from throughtime.machine.streams import parts, plus, read, rows, wide, write
from throughtime.sweeps.slots import (
    APART,
    GATES,
    PARAMETERS,
    PREACTIVATIONS,
    S_AFTER,
    S_BEFORE,
    S_INPUT,
    S_RECURRENT,
    S_UNIT,
    STATES,
    SUMMED,
    forward,
    matmul,
)


def unroll(
    a: Array,
    recurrent: Array,
    unit: Array,
    entering: Array,
    states: Array,
    reset: Array,
    lengths: Array,
    w: Array,
) -> None:
    """Run a cell from the state in states[:, 0].

    Parameters
    ----------
    a : (T, B, GATES, H)
        In: the input halves of the pre-activations, without bias. Out: the values kept for the way back.
    recurrent : (T, B, GATES, H) where halves stay apart, otherwise (1, B, GATES, H)
        Out: the recurrent halves; where apart, they too become kept values.
    unit : (UNIT, H)
        What each unit has of its own: the biases of its pre-activations, and the cell's parameters.
    entering : (STATES, T + 1, B, H)
        Out: the state that entered each step. `states` itself when nothing is reset.
    states : (STATES, T + 1, B, H)
        In: the initial state, at 0. Out: the state after step t, at t + 1.
    reset : (T, B) of bool, or (0, 0) for none
        Where true, the state that enters the step is zero.
    lengths : (B,) of int
        From this step on a sequence's state stays as it is.
    w : the recurrent weights as `Recurrence.forward` lays them out.
    """
    wide()
    T, B, _, H = a.shape
    per_unit = rows(unit, ())
    products = recurrent.reshape(len(recurrent), B, GATES * H)
    for t in range(T):
        if reset.size:
            for b in range(B):
                for s in range(STATES):
                    for j in range(H):
                        entering[s, t, b, j] = 0 if reset[t, b] else states[s, t, b, j]
        of_step = t if APART else 0
        matmul(entering[0, t], w, products[of_step])
        for b in range(B):
            if t >= lengths[b]:
                for s in range(STATES):
                    for j in range(H):
                        states[s, t + 1, b, j] = entering[s, t, b, j]
                continue
            ax, ah = rows(a, (t, b)), rows(recurrent, (of_step, b))
            before, after = parts(entering, (t, b)), parts(states, (t + 1, b))
            for j in range(H):
                summed = plus(read(ax, 0, SUMMED, j, S_INPUT), read(ah, 0, SUMMED, j, S_RECURRENT))
                apart = read(ax, SUMMED, APART, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
                bias = read(per_unit, 0, PREACTIVATIONS, j, S_UNIT)
                parameters = read(per_unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
                state, kept = forward(
                    plus(summed + apart, bias), read(before, 0, STATES, j, S_BEFORE), *parameters
                )
                write(after, 0, STATES, j, S_AFTER, state, 0)
                write(ax, 0, GATES, j, S_INPUT, kept, 0)
                write(ah, SUMMED, APART, j, S_RECURRENT, kept, GATES)
