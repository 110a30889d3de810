"""A token drawn from logits: the softmax at a temperature, cut to the likeliest tokens, and one uniform number."""

import math

from throughtime.machine.arrays import Array
from throughtime.machine.functions import exp
from throughtime.machine.jit import compiled, equation
from throughtime.machine.streams import wide

NONE = -1  # no token: the logits are not finite

_LOWEST = -1000.0  # its exponential is 0


@equation
def _likelier(p: Array, i: int, j: int) -> bool:
    """Whether token i comes before token j, which among equals the first does."""
    return p[i] > p[j] or (p[i] == p[j] and i < j)


@equation
def _sift(heap: Array, at: int, end: int, p: Array) -> None:
    """Let what stands at `at` sink in heap[:end] until none below it is likelier."""
    while 2 * at + 1 < end:
        child = 2 * at + 1
        if child + 1 < end and _likelier(p, heap[child + 1], heap[child]):
            child += 1
        if not _likelier(p, heap[child], heap[at]):
            break
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@equation
def _fallen(sums: Array, count: int, luck: float) -> int:
    """Into which of the steps that lead up to sums[count - 1] the number `luck` falls."""
    level = luck * sums[count - 1]  # below the last, however it is rounded: luck is at most 1 - 2^-53
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if sums[middle] > level:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def draw(
    logits: Array, temperature: float, top_k: int, top_p: float, luck: float, sums: Array, heap: Array
) -> int:
    """Draw an index into logits.

    Parameters
    ----------
    logits : (V,)
        Overwritten. A logit of -inf is a probability of 0.
    temperature : float
        Divides the logits; 0 takes the largest, of equals the first.
    top_k : int
        Draw from the k likeliest, of equals the first; V for all.
    top_p : float
        Draw from the likeliest of these that together have at least this share of their probability (Holtzman et al.
        2020); 1 for all.
    luck : float
        Uniform on [0, 1).
    sums : (V,) of float64
        Scratch: the probabilities that may be drawn, added up; not divided by their total.
    heap : (V,) of int
        Scratch.

    Returns
    -------
    int
        `NONE` where a logit is NaN or +inf, or all are -inf.
    """
    wide()
    V = logits.size
    top, best = logits[0], 0
    for j in range(1, V):
        if logits[j] > top:
            top, best = logits[j], j
    p, scale = logits, temperature if temperature > 0 else 1.0
    for j in range(V):
        x = (float(logits[j]) - float(top)) / scale
        p[j] = exp(p.dtype.type(x if not x < _LOWEST else _LOWEST))  # so written that NaN stays NaN
    total = 0.0
    for j in range(V):
        total += float(p[j])
        sums[j] = total
    if not (math.isfinite(top) and math.isfinite(total)):
        return NONE
    if temperature == 0:
        return best
    if top_k == V and top_p == 1:
        return _fallen(sums, V, luck)

    # The likeliest come off a heap until there are enough: as a rule they are few, and sorting would order all.
    for j in range(V):
        heap[j] = j
    for at in range(V // 2 - 1, -1, -1):
        _sift(heap, at, V, p)
    enough = (
        top_p * total if top_k == V else math.inf
    )  # what k of them have together is known when all k are there
    kept, total = 0, 0.0
    while kept < top_k and (kept == 0 or total < enough):
        last = V - 1 - kept
        heap[0], heap[last] = heap[last], heap[0]
        _sift(heap, 0, last, p)
        total += float(p[heap[last]])
        sums[kept] = total
        kept += 1
    if top_k < V:
        kept = 1
        while sums[kept - 1] < top_p * total:
            kept += 1
    return int(heap[V - 1 - _fallen(sums, kept, luck)])
