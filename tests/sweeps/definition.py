"""The oracle of drawing: the softmax sorted, cut and added up as it is defined, in plain NumPy and float64."""

import numpy as np


def drawn(logits, luck, temperature=1.0, top_k=None, top_p=None):
    """The token that `luck` falls on, the likeliest tokens first where they are cut, otherwise in their order."""
    x = np.asarray(logits, float)
    if temperature == 0:
        return int(x.argmax())
    p = np.exp((x - x.max()) / temperature)
    order = np.arange(len(p))
    if (top_k or len(p)) < len(p) or (top_p or 1) < 1:
        order = np.argsort(-p, kind="stable")[:top_k]
        cumulative = np.cumsum(p[order])
        order = order[: np.searchsorted(cumulative, (top_p or 1) * cumulative[-1]) + 1]
    cumulative = np.cumsum(p[order])
    return int(order[np.searchsorted(cumulative, luck * cumulative[-1], side="right")])
