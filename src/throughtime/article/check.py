"""The series' gradient check: the gradient by its definition, beside the one by BPTT.

    dE/dw = lim_{h -> 0} (E(w + h) - E(w - h)) / 2h

A truncated gradient is no derivative of E, but it is one of another loss: E_t as a function of the parameters in the
steps t-tau..t alone, begun at the state s_{t-tau-1} that the present parameters left, which is held fixed. Summed over t
that is `windowed_loss`, and `last_steps_loss` is its counterpart for `bptt_last_steps`.
"""

from collections.abc import Callable, Iterable

import numpy as np

from throughtime.article.bptt import Gradients, bptt
from throughtime.article.functions import Array, log_softmax, tanh
from throughtime.article.model import RNN, Words, checked_pair, checked_truncation

Loss = Callable[[], float]
Entry = tuple[int, ...]


def numerical_gradient(parameter: Array, loss: Loss, entries: Iterable[Entry], h: float = 1e-5) -> Array:
    """dE/dw of some entries w of one parameter, by central differences.

    Each entry is moved in place and put back to the same bits.

    Parameters
    ----------
    parameter : array
        The array that `loss` reads.
    loss : callable
        Returns E at the parameters as they are now.
    entries : iterable of indices
    h : float
        The step. Its error grows as h**2 and as 1e-16/h: 1e-5 is about where they meet.

    Returns
    -------
    dw : (number of entries,)

    Examples
    --------
    >>> w = np.array([3.0])
    >>> numerical_gradient(w, lambda: float(w[0] ** 2), [(0,)]).round(6)
    array([6.])
    """
    dw = []
    for entry in entries:
        w = parameter[entry]
        parameter[entry] = w + h
        above = loss()
        parameter[entry] = w - h
        below = loss()
        parameter[entry] = w
        dw.append((above - below) / (2.0 * h))
    return np.array(dw)


def windowed_loss(model: RNN, x: Words, y: Words) -> Loss:
    """sum_t E_t, each E_t seeing the parameters only in its steps t-tau..t, tau = `model.bptt_truncate`.

    The state before each window is taken now and held, whatever happens to the parameters later: so the derivative of
    what is returned is the gradient that `bptt` truncates to.

    Returns
    -------
    loss : callable
        Computes the sum at the model's parameters of the moment.
    """
    x, y = checked_pair(x, y, model.word_dim)
    T = len(x)
    tau = checked_truncation(model.bptt_truncate)
    tau = T - 1 if tau is None else tau
    held = model.states(x)

    def loss() -> float:
        E = 0.0
        for t in range(T):
            first = max(0, t - tau)
            s = held[first - 1]  # at first = 0, the zero before the sentence
            for k in range(first, t + 1):
                s = tanh(model.U[:, x[k]] + model.W @ s)
            E -= log_softmax(model.V @ s)[y[t]]
        return float(E)

    return loss


def last_steps_loss(model: RNN, x: Words, y: Words, steps: int = 4) -> Loss:
    """The sum of E_t over the last `steps` words, begun at a held state: what `bptt_last_steps` differentiates."""
    x, y = checked_pair(x, y, model.word_dim)
    first = max(0, len(x) - steps)
    held = model.states(x)[first - 1].copy()

    def loss() -> float:
        s, E = held, 0.0
        for t in range(first, len(x)):
            s = tanh(model.U[:, x[t]] + model.W @ s)
            E -= log_softmax(model.V @ s)[y[t]]
        return float(E)

    return loss


def relative_error(found: Array, expected: Array) -> float:
    """The relative error, max |found - expected| / max |expected|; 0 if the two are equal.

    The series divides entry by entry by |found| + |expected|. Where an entry is nearly zero, that compares
    rounding with rounding; the largest entry is a steadier yardstick.

    >>> relative_error(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    0.25
    """
    difference = float(np.abs(found - expected).max())
    largest = float(np.abs(expected).max())
    if difference == 0.0:
        return 0.0
    return difference / largest if largest > 0.0 else float("inf")


def gradient_check(
    model: RNN,
    x: Words,
    y: Words,
    gradients: Gradients | None = None,
    loss: Loss | None = None,
    entries: int | None = None,
    h: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int | None = 0,
) -> dict[str, float]:
    """Hold `bptt` against central differences, at the model's own truncation.

    Parameters
    ----------
    model : RNN
    x, y : (T,) ints
    gradients : Gradients, optional
        Other gradients to be checked; `bptt(model, x, y)` if None.
    loss : callable, optional
        The loss they belong to; `windowed_loss(model, x, y)` if None, which without truncation is E itself.
    entries : int, optional
        How many entries of each parameter to look at; all of them if None. The largest gradient comes first, for the
        errors to be measured by, then others drawn at random, and those that are exactly zero last: with a large
        vocabulary nearly all of U's are zero for any one sentence.
    h : float
        Step of the differences.
    tolerance : float
        Largest relative error allowed.
    seed : int or None
        Of the draw of entries.

    Returns
    -------
    errors : dict
        For U, V and W: the relative error over the entries looked at.

    Raises
    ------
    ValueError
        If an error is above the tolerance, or if the words are not in order (as `bptt`).

    Examples
    --------
    >>> model = RNN(word_dim=10, hidden_dim=4, bptt_truncate=1, seed=0)
    >>> errors = gradient_check(model, [0, 4, 4, 2], [4, 4, 2, 1])
    >>> sorted(errors), max(errors.values()) < 1e-6
    (['U', 'V', 'W'], True)
    """
    gradients = bptt(model, x, y) if gradients is None else gradients
    loss = windowed_loss(model, x, y) if loss is None else loss
    random = np.random.default_rng(seed)
    errors = {}
    for name, gradient in gradients.items():
        chosen = _chosen_entries(gradient, entries, random)
        found = np.array([gradient[entry] for entry in chosen])
        expected = numerical_gradient(model.parameters[name], loss, chosen, h)
        errors[name] = relative_error(found, expected)
        if not errors[name] <= tolerance:
            raise ValueError(
                f"dE/d{name} differs from central differences by {errors[name]:.1e}; "
                f"expected at most {tolerance:.1e}. Check the backward pass."
            )
    return errors


def _chosen_entries(gradient: Array, entries: int | None, random: np.random.Generator) -> list[Entry]:
    if entries is None:
        return list(np.ndindex(gradient.shape))
    size = np.abs(gradient).ravel()
    order = random.permutation(gradient.size)
    order = order[np.argsort(size[order] == 0.0, kind="stable")]
    order = np.concatenate(([size.argmax()], order[order != size.argmax()]))
    return [tuple(int(i) for i in np.unravel_index(place, gradient.shape)) for place in order[:entries]]
