"""The sweep that writes: each token is drawn from what the cell made of the one before."""

from throughtime.machine.arrays import Array
from throughtime.machine.jit import equation
from throughtime.machine.products import multiply_row
from throughtime.machine.streams import parts, plus, read, rows, wide, write
from throughtime.sweeps.draw import NONE, draw
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
)


@equation
def _multiply_gates(x: Array, w: Array, a: Array, n: int) -> None:
    """a (GATES, H) = x (K,) @ w (GATES, K, H), at step n."""
    # To and fro, as what the last step has read last is still in the cache: with H = 512, a quarter of the time. Each
    # gate has its own sum, so that the order changes no bits.
    G = len(w)
    for g in range(G):
        gate = G - 1 - g if n % 2 else g
        multiply_row(x, w[gate], a[gate])


def generate(
    tokens: Array,
    given: int,
    stop: int,
    luck: Array,
    temperature: float,
    top_k: int,
    top_p: float,
    table: Array,
    weight_first: Array,
    weight_above: Array,
    weight_hh: Array,
    unit: Array,
    weight_out: Array,
    bias_out: Array,
    states: Array,
    ax: Array,
    ah: Array,
    before: Array,
    logits: Array,
    sums: Array,
    heap: Array,
) -> int:
    """Read the tokens that are given, and draw those that follow; the last one is not read.

    Parameters
    ----------
    tokens : (N,) of int
        In: the first `given` tokens, at least one. Out: the others.
    stop : int
        A token after which no more are drawn; -1 for none.
    luck : (N - given,)
        A uniform number for each token to be drawn.
    temperature, top_k, top_p, sums, heap
        As `draw` has them.
    table : (V, I), or (V, GATES * H)
        What a token is to the first layer: a vector, or its input halves of the pre-activations.
    weight_first : (GATES, I, H), or (0, I, H)
        The first layer's input weights; none where the table has been multiplied by them.
    weight_above : (num_layers - 1, GATES, H, H)
        The input weights of the layers above.
    weight_hh : (num_layers, GATES, H, H)
        Gate by gate transposed, as products with one row want them.
    unit : (num_layers, UNIT, H)
        As `unroll` has it.
    weight_out, bias_out : (H, V), (V,)
        The readout; a bias of -inf forbids a token.
    states : (STATES, num_layers, H)
        In and out.
    ax, ah, before, logits : (GATES, H), (GATES, H), (STATES, H), (V,)
        Scratch.

    Returns
    -------
    int
        How many tokens there are: N, or less after a `stop` or a `NONE`, which is the last then.
    """
    wide()
    num_layers, _, _, H = weight_hh.shape
    of_ax, of_ah, of_before = rows(ax, ()), rows(ah, ()), rows(before, ())
    for n in range(1, tokens.size):
        x = table[tokens[n - 1]]
        for k in range(num_layers):
            if k > 0:
                _multiply_gates(x, weight_above[k - 1], ax, n)
            elif weight_first.size:
                _multiply_gates(x, weight_first, ax, n)
            else:
                for g in range(GATES):
                    for j in range(H):
                        ax[g, j] = x[g * H + j]
            for s in range(STATES):
                for j in range(H):
                    before[s, j] = states[s, k, j]
            _multiply_gates(before[0], weight_hh[k], ah, n)
            after, own = parts(states, (k,)), rows(unit, (k,))
            for j in range(H):
                summed = plus(read(of_ax, 0, SUMMED, j, S_INPUT), read(of_ah, 0, SUMMED, j, S_RECURRENT))
                apart = read(of_ax, SUMMED, APART, j, S_INPUT) + read(of_ah, SUMMED, APART, j, S_RECURRENT)
                bias = read(own, 0, PREACTIVATIONS, j, S_UNIT)
                parameters = read(own, PREACTIVATIONS, PARAMETERS, j, S_UNIT)
                state, kept = forward(
                    plus(summed + apart, bias), read(of_before, 0, STATES, j, S_BEFORE), *parameters
                )
                write(after, 0, STATES, j, S_AFTER, state, 0)
            x = states[0, k]
        if n < given:
            continue
        multiply_row(x, weight_out, logits)
        for j in range(logits.size):
            logits[j] += bias_out[j]
        tokens[n] = draw(logits, temperature, top_k, top_p, luck[n - given], sums, heap)
        if tokens[n] == stop or tokens[n] == NONE:
            return n + 1
    return tokens.size
