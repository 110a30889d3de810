"""The article's slips and its printed code's quirks, each with the numbers that tell right from wrong."""

import math
from dataclasses import dataclass

import numpy as np

from throughtime.article import RNN, bptt, jacobian, numerical_gradient, relative_error, sgd_step, tanh
from throughtime.article.bptt import output_deltas
from throughtime.article.functions import Array
from throughtime.replay.measures import DIFFERENCE, ENLARGING, ENTRIES, SATURATING, TAU
from throughtime.replay.setting import Setting

EXPLODING = 20.0  # W so many times as large: about 12 a step


@dataclass(frozen=True)
class Slips:
    """The slips of the text. An 'error' is relative, against finite differences."""

    t: int  # the article's step 3; the last one of a shorter sentence
    # tanh(U x + W s) without its brackets: max |(tanh(U x) + W s) - tanh(U x + W s)|
    brackets_usual: float
    brackets_large: float  # with U uniform in +-2
    # dE_t/dW = sum over k of dE_t/ds_t ds_t/ds_k ds_k/dW
    right_error: float
    one_term_error: float  # without the sum: the term k = t alone
    total_error: float  # with ds_k/dW total, where the immediate partial derivative is meant
    # ds_t/ds_{t-2}, where the article writes s_t/s_{t-2}: the product of two Jacobians
    jacobian_error: float
    # 'the 2-norm of the Jacobian is at most 1'
    jacobian_norm: float
    jacobian_norm_enlarged: float  # with W three times as large
    W_norm: float  # largest singular value
    W_radius: float  # largest absolute eigenvalue
    # 'an exploding gradient gives NaN': W twenty times as large, words that leave the state at zero
    explosion_norm: float  # of dU
    explosion_nans: int  # in all gradients
    loss_before: float  # per word
    loss_after: float  # after one step of SGD
    saturated_after: float  # share of the states at |s| > 0.999 then


def slips(setting: Setting) -> Slips:
    """Measure each slip on the first steps of the chosen sentence."""
    model, large, enlarged = setting.network(), setting.network(), setting.network()
    large.U *= SATURATING * math.sqrt(setting.V)
    enlarged.W *= ENLARGING
    x, t = setting.x, min(3, setting.T - 1)
    terms = _terms(model, x, setting.y, t)
    entries = [(i, j) for i in range(min(setting.H, 5)) for j in range(min(setting.H, 5))]

    def error(dE_dW: Array) -> float:
        expected = numerical_gradient(
            model.W, lambda: float(model.losses(x, setting.y)[t]), entries, DIFFERENCE
        )
        return relative_error(np.array([dE_dW[entry] for entry in entries]), expected)

    return Slips(
        t,
        _without_brackets(model, x),
        _without_brackets(large, x),
        error(sum(terms, np.zeros_like(model.W))),
        error(terms[t]),
        # the total derivative holds the steps before k as well, so that step k is counted for each later one
        error(sum(((t - k + 1) * term for k, term in enumerate(terms)), np.zeros_like(model.W))),
        _jacobian_error(model, x, t),
        _norm(jacobian(model, model.states(x)[t])),
        _norm(jacobian(enlarged, enlarged.states(x)[t])),
        _norm(model.W),
        float(np.abs(np.linalg.eigvals(model.W)).max()),
        *_explosion(setting),
    )


@dataclass(frozen=True)
class Quirks:
    """The quirks of the printed code."""

    overwritten_sum: float  # sum of o_0 after `delta_o = o` and the subtraction: a probability no more
    minus_one_steps: int  # of the inner loops, all told, at tau = -1
    minus_one_error: str  # what is said here instead
    products: int  # by W^T, in the printed code at tau = 4
    wasted: int  # of these
    repeated_words: int  # steps whose word has been read before
    duplicates_error: float  # of dU, if `dU[:, x] += A.T` adds the deltas up


def quirks(setting: Setting) -> Quirks:
    """Measure each quirk on the chosen sentence."""
    model, x, y, T = setting.network(), setting.x, setting.y, setting.T
    o, _ = model.forward_propagation(x)
    overwritten = output_deltas(o, np.array(y))[0]
    inner = [len(range(max(0, t - TAU), t + 1)) for t in range(T)]
    none = [len(range(max(0, t + 1), t + 1)) for t in range(T)]
    deltas = np.zeros((T, setting.H))  # row k: e_{t,k} summed over t
    for t in range(T):
        for k, e in enumerate(_deltas(model, x, y, t)):
            deltas[k] += e
    right, wrong = np.zeros_like(model.U), np.zeros_like(model.U)
    np.add.at(right.T, x, deltas)
    wrong[:, x] += deltas.T
    try:
        said = ""
        setting.network(-1)
    except ValueError as refused:
        said = str(refused)
    return Quirks(
        float(overwritten.sum()),
        sum(none),
        said,
        sum(inner),
        T,
        T - len(set(x)),
        relative_error(wrong, right),
    )


def _deltas(model: RNN, x: list[int], y: list[int], t: int) -> list[Array]:
    """e_{t,k} = dE_t/da_k for k = 0..t."""
    o, s = model.forward_propagation(x)
    e = (model.V.T @ output_deltas(o, np.array(y))[t]) * (1.0 - s[t] ** 2)
    deltas = [e]
    for k in range(t - 1, -1, -1):
        e = (model.W.T @ e) * (1.0 - s[k] ** 2)
        deltas.insert(0, e)
    return deltas


def _terms(model: RNN, x: list[int], y: list[int], t: int) -> list[Array]:
    """The terms of dE_t/dW: e_{t,k} s_{k-1}^T for k = 0..t."""
    s = model.states(x)
    return [np.outer(e, s[k - 1]) for k, e in enumerate(_deltas(model, x, y, t))]


def _without_brackets(model: RNN, x: list[int]) -> float:
    s = model.states(x)
    misread = [tanh(model.U[:, x[t]]) + model.W @ s[t - 1] for t in range(len(x))]
    return float(np.abs(np.array(misread) - s[:-1]).max())


def _jacobian_error(model: RNN, x: list[int], t: int, h: float = 1e-5) -> float:
    """J_t J_{t-1} against differences of s_t by s_{t-2}, on up to 24 columns."""
    s, first = model.states(x), max(0, t - 2)
    product = np.eye(model.hidden_dim)
    for j in range(first + 1, t + 1):
        product = jacobian(model, s[j]) @ product

    def later(state: Array) -> Array:
        for j in range(first + 1, t + 1):
            state = tanh(model.U[:, x[j]] + model.W @ state)
        return state

    units = np.eye(model.hidden_dim)[:ENTRIES]
    columns = [(later(s[first] + h * unit) - later(s[first] - h * unit)) / (2 * h) for unit in units]
    return relative_error(product[:, :ENTRIES].T, np.array(columns))


def _explosion(setting: Setting) -> tuple[float, int, float, float, float]:
    """A gradient that explodes, and what one step of it does to the network, with never a NaN.

    U = 0 keeps every state at zero, where tanh's slope is 1, so that each Jacobian is W itself.
    """
    model, x, y, T = setting.network(), setting.x, setting.y, setting.T
    model.U[...] = 0.0
    model.W *= EXPLODING
    before = bptt(model, x, y)
    loss_before = model.loss(x, y) / T
    sgd_step(model, x, y)
    states = model.states(x)[:-1]
    return (
        float(np.linalg.norm(before.U)),
        sum(int(np.isnan(gradient).sum()) for _, gradient in before.items()),
        loss_before,
        model.loss(x, y) / T,
        float((np.abs(states) > 0.999).mean()),
    )


def _norm(matrix: Array) -> float:
    """Largest singular value."""
    return float(np.linalg.norm(matrix, 2))
