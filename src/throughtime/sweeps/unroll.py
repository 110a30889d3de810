"""The forward sweep: a cell unrolled over time."""

from throughtime.machine.arrays import Array
from throughtime.machine.streams import plus, read, wide, write
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
    for t in range(T):
        if reset.size:
            for b in range(B):
                for s in range(STATES):
                    for j in range(H):
                        entering[s, t, b, j] = 0 if reset[t, b] else states[s, t, b, j]
        halves = recurrent[t if APART else 0]
        matmul(entering[0, t], w, halves.reshape(B, GATES * H))
        for b in range(B):
            ax, ah, before, after = a[t, b], halves[b], entering[:, t, b], states[:, t + 1, b]
            if t >= lengths[b]:
                for s in range(STATES):
                    for j in range(H):
                        after[s, j] = before[s, j]
                continue
            for j in range(H):
                summed = plus(read(ax, 0, SUMMED, j, S_INPUT), read(ah, 0, SUMMED, j, S_RECURRENT))
                apart = read(ax, SUMMED, APART, j, S_INPUT) + read(ah, SUMMED, APART, j, S_RECURRENT)
                bias = read(unit, 0, PREACTIVATIONS, j, S_UNIT)
                parameters = read(unit, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
                state, kept = forward(
                    plus(summed + apart, bias), read(before, 0, STATES, j, S_BEFORE), *parameters
                )
                write(after, 0, STATES, j, S_AFTER, state, 0)
                write(ax, 0, GATES, j, S_INPUT, kept, 0)
                write(ah, SUMMED, APART, j, S_RECURRENT, kept, GATES)
