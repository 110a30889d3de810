"""How the gradient of one loss fades on its way back: dE_t/ds_k, and the Jacobians it passes through.

    dE_t/ds_t     = V^T (o_t - y_t)
    dE_t/ds_{k-1} = J_k^T dE_t/ds_k          J_k = ds_k/ds_{k-1} = diag(1 - s_k^2) W

The article says that the 2-norm of this Jacobian is at most 1. It is at most gamma ||W||_2, gamma being the largest
slope of the activation (1 for tanh, 1/4 for sigmoid), and ||W||_2 may be anything: at the series' own start it is
about 2/sqrt(3) = 1.15. The product of many Jacobians follows the spectral radius instead, about 1/sqrt(3) = 0.58
there, and so vanishes all the same. A largest singular value of W below 1/gamma is sufficient for vanishing; one
above 1/gamma is necessary for exploding, not sufficient (Pascanu, Mikolov, Bengio 2013, section 2.1).
"""

import numpy as np

from throughtime.article.bptt import output_deltas
from throughtime.article.functions import Array
from throughtime.article.model import RNN, Words, checked_pair


def state_gradient_norms(model: RNN, x: Words, y: Words) -> Array:
    """||dE_t/ds_{t-l}|| for every step t and lag l, without truncation.

    Parameters
    ----------
    model : RNN
        Its `bptt_truncate` is not used.
    x, y : (T,) ints

    Returns
    -------
    norms : (T, T)
        Row t, column l. NaN where l > t: the sentence has no such step.

    Raises
    ------
    ValueError, IndexError
        If x and y are not two rows of as many word indices.
    """
    x, y = checked_pair(x, y, model.word_dim)
    T = len(x)
    o, s = model.forward_propagation(x)
    delta_o = output_deltas(o, y)
    norms = np.full((T, T), np.nan)
    for t in range(T):
        ds = model.V.T @ delta_o[t]  # dE_t/ds_t
        norms[t, 0] = np.linalg.norm(ds)
        for k in range(t, 0, -1):
            ds = jacobian(model, s[k]).T @ ds  # dE_t/ds_{k-1}
            norms[t, t - k + 1] = np.linalg.norm(ds)
    return norms


def profile(norms: Array) -> Array:
    """The mean norm at each lag: (T,) from the (T, T) of `state_gradient_norms`.

    Each lag averages only the steps t >= l that have it. It is a mean of norms: the norm of a mean would let opposite
    gradients cancel and show vanishing where there is none.

    >>> profile(np.array([[2.0, np.nan], [4.0, 1.0]]))
    array([3., 1.])
    """
    mean: Array = np.nanmean(norms, axis=0)
    return mean


def jacobian(model: RNN, s_k: Array) -> Array:
    """J_k = ds_k/ds_{k-1} = diag(1 - s_k^2) W: (hidden_dim, hidden_dim), row i for unit i of s_k."""
    return (1.0 - s_k**2)[:, None] * model.W
