"""Backpropagation through time: the article's loop, and the other truncation of its series.

With e_{t,k} = dE_t/da_k, the article's delta at step k for the loss of step t:

    dV        = sum_t (o_t - y_t) s_t^T                                     y_t one-hot
    e_{t,t}   = V^T (o_t - y_t) * (1 - s_t^2)
    e_{t,k-1} = (W^T e_{t,k}) * (1 - s_{k-1}^2)
    dW        = sum_t sum_{k = max(0, t-tau) .. t} e_{t,k} s_{k-1}^T
    dU[:,x_k] = the same sums over e_{t,k} alone

Where this departs from the code that the article prints:

- The printed code computes o - y in place of o, and so the probabilities are lost: here o stays what it was.
- The printed code makes one more delta at the end of each inner loop and throws it away: here it is not made.
- The printed code takes tau = -1 silently (see `model.checked_truncation`): here it is an error.
- dU grows one column at a time. If A holds the deltas of the steps, `dU[:, x] += A.T` looks like the same in one
  line, but of a word that stands twice in the sentence it keeps only the last delta.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from throughtime.article.functions import Array
from throughtime.article.model import RNN, Words, checked_pair, checked_truncation


@dataclass
class Gradients:
    """dE/dU, dE/dV, dE/dW, each of its parameter's shape."""

    U: Array
    V: Array
    W: Array

    @classmethod
    def zeros(cls, model: RNN) -> "Gradients":
        """Gradients of zero, for sums to grow in."""
        return cls(np.zeros_like(model.U), np.zeros_like(model.V), np.zeros_like(model.W))

    def items(self) -> list[tuple[str, Array]]:
        """The three arrays with their names."""
        return [("U", self.U), ("V", self.V), ("W", self.W)]


def bptt(model: RNN, x: Words, y: Words) -> Gradients:
    """Gradients of E = sum_t E_t, each E_t followed back over the lags 0..tau, tau = `model.bptt_truncate`.

    That is tau + 1 steps for each output; a tau of T - 1 or more, or None, gives the exact gradients.

    Parameters
    ----------
    model : RNN
    x, y : (T,) ints
        The words, and for each the word that follows it.

    Raises
    ------
    ValueError, IndexError
        If x and y are not two rows of as many word indices, or if tau is negative.

    Examples
    --------
    >>> model = RNN(word_dim=10, hidden_dim=3, bptt_truncate=None, seed=0)
    >>> d = bptt(model, [0, 4, 4], [4, 4, 1])
    >>> d.U.shape, d.V.shape, d.W.shape
    ((3, 10), (10, 3), (3, 3))
    """
    x, y = checked_pair(x, y, model.word_dim)
    T = len(x)
    tau = checked_truncation(model.bptt_truncate)
    tau = T - 1 if tau is None else tau
    o, s = model.forward_propagation(x)
    delta_o = output_deltas(o, y)
    d = Gradients.zeros(model)

    d.V += delta_o.T @ s[:-1]  # sum_t (o_t - y_t) s_t^T in one product
    for t in range(T):
        e = (model.V.T @ delta_o[t]) * (1.0 - s[t] ** 2)  # e_{t,t}
        for k in range(t, max(0, t - tau) - 1, -1):
            if k < t:
                e = (model.W.T @ e) * (1.0 - s[k] ** 2)  # e_{t,k} from e_{t,k+1}
            d.W += np.outer(e, s[k - 1])  # e_{t,k} s_{k-1}^T; at k = 0, s[-1] is the zero before the sentence
            d.U[:, x[k]] += e
    return d


def bptt_last_steps(model: RNN, x: Words, y: Words, steps: int = 4) -> Gradients:
    """Gradients as the series' second model takes them: only from the last `steps` steps of the sentence.

    That model runs the whole step, softmax included, inside Theano's `scan` with truncate_gradient = 4. Its reverse
    sweep begins at the end of the sentence and stops after 4 steps, once for all outputs and not once for each:

        e_k = (V^T (o_k - y_k) + W^T e_{k+1}) * (1 - s_k^2)                 k = T-1 down to T-steps, e_T = 0
        dV  = sum_k (o_k - y_k) s_k^T,   dW = sum_k e_k s_{k-1}^T,   dU[:,x_k] += e_k     over these k only

    So the losses of all earlier words are never learned from, not even by V. This is exactly the gradient of
    sum_{t >= T-steps} E_t with the state s_{T-steps-1} held fixed. With `steps` >= T it is the exact gradient.

    Parameters
    ----------
    model : RNN
        Its `bptt_truncate` is not used.
    x, y : (T,) ints
    steps : int
        The truncate_gradient of scan, at least 1.

    Raises
    ------
    ValueError, IndexError
        If `steps` is below 1, or as in `bptt`.
    """
    if steps < 1:
        raise ValueError(
            f"steps is {steps}; expected at least 1. Pass the length of the sentence for no truncation."
        )
    x, y = checked_pair(x, y, model.word_dim)
    T = len(x)
    o, s = model.forward_propagation(x)
    delta_o = output_deltas(o, y)
    d = Gradients.zeros(model)

    from_next = np.zeros(model.hidden_dim)  # W^T e_{k+1}
    for k in range(T - 1, max(0, T - steps) - 1, -1):
        e = (model.V.T @ delta_o[k] + from_next) * (1.0 - s[k] ** 2)  # e_k, summed over all later losses
        d.V += np.outer(delta_o[k], s[k])
        d.W += np.outer(e, s[k - 1])
        d.U[:, x[k]] += e
        from_next = model.W.T @ e
    return d


def output_deltas(o: Array, y: NDArray[np.intp]) -> Array:
    """o_t - y_t for each t, y_t one-hot: a new array, so that o still holds the probabilities."""
    delta_o = o.copy()
    delta_o[np.arange(len(y)), y] -= 1.0
    return delta_o
