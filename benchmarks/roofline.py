"""What a training step must compute and move, counted from its shapes, and how far that lets it be fast.

Products, as throughtime runs them, in operations (a multiplication and an addition are two). With N = T * B, K the
width of all gates together, R the rows that the input's projection reads and S the rows that are scored:

    recurrence   3 * 2 * N * H * K      forward; to the state before; to the weights
    input        p * 2 * R * I * K      forward; to the weights; p = 3 with an embedding, whose rows get gradients, else 2
    readout      3 * 2 * S * H * O      forward; to the states; to the weights

One-hot tokens choose columns: no product, R = 0. An embedding is projected once for the whole vocabulary where that is
shorter than the text: R = min(V, N). S = N, or B for a loss at the last step alone. Clipping and update are no products.

Bytes of float32 that must travel whatever the caches hold between uses:

    weights      2 * P                  read and written once; of tables that tokens choose from, the chosen rows
    gradients    2 * sum min(P_i, rank form of it)   written and read once; a gradient of rank r is known by r * (m + n)
    activations  2 * (N * K + N * states * H + S * O)    written on the way there, read on the way back

Pointwise work is named apart, in elements: gates on both ways, and the loss's outputs.
"""

from typing import Any, NamedTuple

from benchmarks.workloads import Workload

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
FLOAT = 4  # bytes


class Counts(NamedTuple):
    """Operations of products, elements of pointwise work, bytes moved, all of one training step."""

    operations: int
    pointwise: int
    bytes: int


class Ceilings(NamedTuple):
    """What one thread of this machine reaches: float32 products in operations a second, memory in bytes a second."""

    peak: float
    bandwidth: float


def count(work: Workload) -> Counts:
    """Count a workload's step.

    Examples
    --------
    >>> count(Workload("", "rnn", 3, batch=1, seq_len=5, input_size=2, output_size=4)).operations
    690
    """
    N, H = work.seq_len * work.batch, work.hidden_size
    K, O = GATES[work.cell] * H, work.vocab_size or work.output_size
    S = N if work.at == "every" else work.batch
    if work.vocab_size:
        chosen = min(work.vocab_size, N)
        I, R = work.embedding_size or 0, chosen if work.embedding_size else 0
    else:
        chosen, I, R = 0, work.input_size, N
    input_passes = 3 if work.embedding_size else 2
    operations = 2 * (3 * N * H * K + input_passes * R * I * K + 3 * S * H * O)

    # (rows, columns, rank of the gradient) of each matrix
    matrices = [(K, H, N), (O, H, S)]
    if work.vocab_size and not work.embedding_size:
        matrices.append((chosen, K, chosen))
    elif work.embedding_size:
        matrices += [(chosen, I, chosen), (K, I, N)]
    else:
        matrices.append((K, I, N))
    biases = 2 * K + O if work.bias else 0
    weights = sum(m * n for m, n, _ in matrices) + biases
    gradients = sum(min(m * n, rank * (m + n)) for m, n, rank in matrices) + biases
    activations = N * K + N * STATES[work.cell] * H + S * O
    return Counts(operations, 2 * N * K + S * O, 2 * FLOAT * (weights + gradients + activations))


def place(work: Workload, milliseconds: float, ceilings: Ceilings) -> dict[str, Any]:
    """A measured step beside the floors that the machine sets it.

    `share_of_attainable` is the higher floor's share of the time; more than 1 of a memory floor means that the caches
    kept what was counted as travelling.
    """
    counts = count(work)
    compute = 1e3 * counts.operations / ceilings.peak
    memory = 1e3 * counts.bytes / ceilings.bandwidth
    return {
        **counts._asdict(),
        "compute_floor_ms": compute,
        "memory_floor_ms": memory,
        "bound": "products" if compute >= memory else "memory",
        "share_of_attainable": max(compute, memory) / milliseconds,
        "share_of_peak": compute / milliseconds,
    }
