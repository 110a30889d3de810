"""Losses, each fused with its gradient and computed in place: what comes in as outputs leaves as dE/doutputs.

All of them return the undivided sum of the loss, in float64, and how many targets it counts. The gradient is
multiplied by `scale`: 1 for the article's sum, 1 / `count_targets` for the mean. The order of every sum is fixed, so
the same logits give the same bits.

The readout's bias can come along: it is added to the outputs here, and its gradient summed here, while each row is in
cache: of 7 million logits, a word LSTM's, in 1.7 ms where passes of their own take 2.9.
"""

import math
from typing import Protocol

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError, TokenError
from throughtime.machine.arrays import Array
from throughtime.machine.functions import exp, relu, sigmoid
from throughtime.machine.jit import compiled, equation, summing
from throughtime.machine.streams import wide
from throughtime.targets import IGNORED


class Loss(Protocol):
    """A loss of outputs (N, O), which leave as gradients."""

    def __call__(
        self,
        outputs: Array,
        targets: Array,
        /,
        scale: float,
        bias: Array | None = None,
        dbias: Array | None = None,
    ) -> tuple[float, int]:
        """The sum over all rows, and how many targets count."""


_SIGNED = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def softmax_cross_entropy(
    logits: Array,
    targets: Array,
    scale: float,
    bias: Array | None = None,
    dbias: Array | None = None,
) -> tuple[float, int]:
    """Cross-entropy of the softmax of each row, -log p[target], and its gradient.

    Parameters
    ----------
    logits : array (N, V), float32 or float64
        Overwritten with scale * dE/dlogits = scale * (p - onehot(target)); rows of ignored targets with 0.
    targets : integer array (N,)
        Token ids in [0, V), or -100 for a row to ignore.
    scale : float
        Factor of the gradient, not of the returned loss.
    bias : array, one number a column, optional
        Added to every row first.
    dbias : the same, optional
        Out: the gradient's sum over the rows, which is the bias's.

    Returns
    -------
    loss : float
        Sum of -log p[target] in nats. Not finite if a logit is NaN or +inf; a logit of -inf is a probability of 0.
    count : int
        How many targets were not ignored.

    Raises
    ------
    TokenError
        A target is neither -100 nor in [0, V).
    ShapeError, DtypeError, ArgumentError
        The arrays do not fit together, or `logits` cannot be overwritten.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.zeros((2, 4))
    >>> loss, count = softmax_cross_entropy(logits, np.array([1, -100]), scale=1.0)
    >>> round(loss, 6), count
    (1.386294, 1)
    >>> logits
    array([[ 0.25, -0.75,  0.25,  0.25],
           [ 0.  ,  0.  ,  0.  ,  0.  ]])
    """
    _check_outputs("logits", logits)
    _check_biases(logits, bias, dbias)
    N, V = logits.shape
    if targets.shape != (N,):
        raise ShapeError(
            f"targets has shape {targets.shape}; expected ({N},), one id for each row of logits. "
            "Flatten the targets as the logits were."
        )
    if targets.dtype not in (np.int32, np.int64):
        raise DtypeError(
            f"targets has dtype {targets.dtype}; expected int32 or int64. Pass targets.astype('int64')."
        )
    wrong = _first_outside(targets, V)
    if wrong >= 0:
        raise TokenError(
            f"target {targets[wrong]} at position {wrong} is outside the vocabulary; expected an id from 0 to {V - 1}, "
            f"or {IGNORED} to ignore the position. Encode with the model's own tokenizer, or make the model larger."
        )
    bits = logits.view(_SIGNED[logits.dtype])
    all_but_sign = bits.dtype.type(np.iinfo(bits.dtype).max)
    nothing = np.empty(0, logits.dtype)
    total = nothing if dbias is None else dbias
    total[...] = 0
    loss, count = _softmax(
        logits,
        bits,
        all_but_sign,
        nothing if bias is None else bias,
        total,
        targets,
        logits.dtype.type(scale),
    )
    return float(loss), int(count)


def squared_error(
    outputs: Array,
    targets: Array,
    scale: float,
    bias: Array | None = None,
    dbias: Array | None = None,
) -> tuple[float, int]:
    """Sum of (y - t)^2, and its gradient.

    Parameters
    ----------
    outputs : array (N, O), float32 or float64
        y; overwritten with scale * 2 * (y - t).
    targets : array (N, O) of the same dtype
        t. Every number is a target: none means "ignore".
    scale : float
        Factor of the gradient, not of the returned loss.
    bias : array, one number a column, optional
        Added to every row first.
    dbias : the same, optional
        Out: the gradient's sum over the rows, which is the bias's.

    Returns
    -------
    loss : float
        Sum over all N * O elements.
    count : int
        N * O.

    Raises
    ------
    ShapeError, DtypeError, ArgumentError
        The arrays do not fit together, or `outputs` cannot be overwritten.

    Examples
    --------
    >>> import numpy as np
    >>> outputs = np.array([[1.0, 2.0]])
    >>> squared_error(outputs, np.array([[1.0, 5.0]]), scale=0.5)
    (9.0, 2)
    >>> outputs
    array([[ 0., -3.]])
    """
    _check_outputs("outputs", outputs)
    _check_like("outputs", outputs, targets)
    _check_biases(outputs, bias, dbias)
    _add(bias, outputs)
    twice = outputs.dtype.type(2 * scale)
    loss = _squared(outputs.reshape(-1), np.ascontiguousarray(targets).reshape(-1), twice)
    _sum_rows(outputs, dbias)
    return float(loss), outputs.size


def logistic(
    logits: Array,
    targets: Array,
    scale: float,
    bias: Array | None = None,
    dbias: Array | None = None,
) -> tuple[float, int]:
    """Cross-entropy of independent yes-or-no outputs, -t log p - (1 - t) log(1 - p) with p = sigmoid(x).

    Parameters
    ----------
    logits : array (N, O), float32 or float64
        x; overwritten with scale * (sigmoid(x) - t), and with 0 where the target is ignored.
    targets : array (N, O) of the same dtype
        t in [0, 1], or -100 for an element to ignore.
    scale : float
        Factor of the gradient, not of the returned loss.
    bias : array, one number a column, optional
        Added to every row first.
    dbias : the same, optional
        Out: the gradient's sum over the rows, which is the bias's.

    Returns
    -------
    loss : float
        Sum over the elements that are not ignored, in nats. Not finite if one of their logits is not.
    count : int
        How many elements were not ignored.

    Raises
    ------
    ArgumentError
        A target is neither in [0, 1] nor -100, or `logits` cannot be overwritten.
    ShapeError, DtypeError
        The arrays do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.array([[0.0, 3.0]])
    >>> loss, count = logistic(logits, np.array([[1.0, -100.0]]), scale=1.0)
    >>> round(loss, 6), count
    (0.693147, 1)
    >>> logits
    array([[-0.5,  0. ]])
    """
    _check_outputs("logits", logits)
    _check_like("logits", logits, targets)
    _check_biases(logits, bias, dbias)
    x, t = logits.reshape(-1), np.ascontiguousarray(targets).reshape(-1)
    wrong = _first_improbable(t)
    if wrong >= 0:
        raise ArgumentError(
            f"target {t[wrong]} at element {wrong} is not a probability; expected a number from 0 to 1, or {IGNORED} to "
            "ignore the element. Encode no and yes as 0 and 1, or use the loss 'squared'."
        )
    _add(bias, logits)
    loss, count = _logistic(x, t, logits.dtype.type(scale))
    _sum_rows(logits, dbias)
    return float(loss), int(count)


losses: dict[str, Loss] = {"softmax": softmax_cross_entropy, "squared": squared_error, "logistic": logistic}
"""The losses by the names that models take."""


def count_targets(targets: Array, loss: str = "softmax") -> int:
    """How many targets the loss will count, so that the scale of the mean, 1 / count, is known before it runs.

    Parameters
    ----------
    targets : array of any shape
        -100 is an ignored target, except for the squared error, which counts all.
    loss : {"softmax", "squared", "logistic"}
        Whose targets they are.

    Returns
    -------
    count : int
        0 if all are ignored: there is then no mean to take.

    Raises
    ------
    ArgumentError
        There is no such loss.

    Examples
    --------
    >>> import numpy as np
    >>> count_targets(np.array([3, -100, 0]))
    2
    """
    if loss not in losses:
        raise ArgumentError(
            f"loss {loss!r} is unknown; expected one of {', '.join(losses)}. Choose one of these."
        )
    return targets.size if loss == "squared" else int(np.count_nonzero(targets != IGNORED))


def _check_outputs(name: str, outputs: Array) -> None:
    if outputs.ndim != 2:
        raise ShapeError(
            f"{name} has shape {outputs.shape}; expected two dimensions, (positions, outputs). "
            f"Pass {name}.reshape(-1, {name}.shape[-1])."
        )
    if outputs.dtype not in _SIGNED:
        raise DtypeError(
            f"{name} has dtype {outputs.dtype}; expected float32 or float64. Pass {name}.astype('float32')."
        )
    if not (outputs.flags.c_contiguous and outputs.flags.writeable):
        raise ArgumentError(
            f"{name} is read-only or not contiguous; expected a C-contiguous array, for the gradient overwrites it. "
            f"Pass {name}.copy()."
        )


def _check_like(name: str, outputs: Array, targets: Array) -> None:
    if targets.shape != outputs.shape:
        raise ShapeError(
            f"targets has shape {targets.shape}; expected {outputs.shape}, that of {name}. "
            "Give one target for each output."
        )
    if targets.dtype != outputs.dtype:
        raise DtypeError(
            f"targets has dtype {targets.dtype}; expected {outputs.dtype}, that of {name}. "
            f"Pass targets.astype('{outputs.dtype}')."
        )


def _check_biases(outputs: Array, bias: Array | None, dbias: Array | None) -> None:
    # The kernel trusts their sizes.
    for name, array in (("bias", bias), ("dbias", dbias)):
        if array is None:
            continue
        if array.shape != outputs.shape[1:]:
            raise ShapeError(
                f"{name} has shape {array.shape}; expected {outputs.shape[1:]}, one number for each output. "
                "Pass the readout's own, or leave it out."
            )
        if array.dtype != outputs.dtype:
            raise DtypeError(
                f"{name} has dtype {array.dtype}; expected {outputs.dtype}, that of the outputs. Convert it."
            )


def _add(bias: Array | None, outputs: Array) -> None:
    if bias is not None:
        outputs += bias


def _sum_rows(doutputs: Array, dbias: Array | None) -> None:
    if dbias is not None:
        np.sum(doutputs, axis=0, out=dbias)


@compiled
def _first_outside(targets: Array, V: int) -> int:
    for n in range(targets.size):
        if targets[n] != IGNORED and (targets[n] < 0 or targets[n] >= V):
            return n
    return -1


@compiled
def _first_improbable(targets: Array) -> int:
    for i in range(targets.size):
        if not (0 <= targets[i] <= 1 or targets[i] == IGNORED):  # so written that NaN is found
            return i
    return -1


@equation
def _ordered(bits: int, all_but_sign: int) -> int:
    """An integer that sorts as the float with these bits does; its own inverse. NaN sorts above inf, or below -inf."""
    return type(bits)(bits if bits >= 0 else bits ^ all_but_sign)


@compiled
def _softmax(
    logits: Array,
    bits: Array,
    all_but_sign: int,
    bias: Array,
    dbias: Array,
    targets: Array,
    scale: float,
) -> tuple[float, int]:
    """bias and dbias are (V,), or (0,) for none; gradients are added to dbias."""
    wide()
    N, V = logits.shape
    loss, count = 0.0, 0
    top_bits = np.empty(1, bits.dtype)
    top = top_bits.view(logits.dtype)
    for n in range(N):
        o, target = logits[n], targets[n]
        if target == IGNORED:
            o[:] = 0
            continue
        count += 1
        for j in range(bias.size):
            o[j] += bias[j]

        # The largest logit. A maximum of floats is not vectorised, because of NaN; one of integers is. A NaN that it
        # does not pick makes the sum below NaN.
        o_bits = bits[n]
        highest = _ordered(o_bits[0], all_but_sign)
        for j in range(1, V):
            highest = max(highest, _ordered(o_bits[j], all_but_sign))
        top_bits[0] = _ordered(highest, all_but_sign)
        m = top[0]
        loss += np.float64(m) - np.float64(o[target])

        total = _exponentials(o, m)
        loss += math.log(np.float64(total))

        factor = scale / total  # of the exponentials, which become probabilities
        for j in range(V):
            o[j] *= factor
        o[target] -= scale
        for j in range(dbias.size):
            dbias[j] += o[j]
    return loss, count


@summing
def _exponentials(o: Array, m: float) -> float:
    """Replace each logit by e^(o - m), and sum them."""
    wide()
    total = o.dtype.type(0)
    for j in range(o.size):
        o[j] = exp(o[j] - m)
        total += o[j]
    return total  # type: ignore[no-any-return]


@compiled
def _squared(outputs: Array, targets: Array, twice: float) -> float:
    loss = 0.0
    for i in range(outputs.size):
        error = outputs[i] - targets[i]
        loss += np.float64(error) * np.float64(error)
        outputs[i] = twice * error
    return loss


@compiled
def _logistic(logits: Array, targets: Array, scale: float) -> tuple[float, int]:
    loss, count = 0.0, 0
    for i in range(logits.size):
        x, t = logits[i], targets[i]
        if t == IGNORED:
            logits[i] = 0
            continue
        count += 1
        # log(1 + e^x) - t x, with the large part of log(1 + e^x) taken out so that it cannot overflow.
        loss += np.float64(relu(x) - t * x) + math.log1p(np.float64(exp(-abs(x))))
        logits[i] = scale * (sigmoid(x) - t)
    return loss, count
