"""The oracle: layers in PyTorch, step by step from the definitions, and their gradients by autograd.

Nothing here knows how throughtime computes. A truncation is what it says: a state that is detached. Under `Window(k)`
every output step has a run of its own, in which every layer's state is detached k steps before it, and under `Chunk`
every stretch of new steps has one; the runs go side by side along a leading axis O, which for `Full` is 1.
"""

import numpy as np
from tests.conftest import require_torch

from throughtime.truncation import Chunk, Full, Truncation, Window

torch = require_torch()


def rnn(nonlinearity):
    def cell(ax, ah, state):
        return (getattr(torch, nonlinearity)(ax + ah),)

    return cell


def lstm(ax, ah, state):
    i, f, g, o = (ax + ah).chunk(4, -1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru(ax, ah, state):
    (ax_r, ax_z, ax_n), (ah_r, ah_z, ah_n) = ax.chunk(3, -1), ah.chunk(3, -1)
    r, z = (ax_r + ah_r).sigmoid(), (ax_z + ah_z).sigmoid()
    n = (ax_n + r * ah_n).tanh()
    return ((1 - z) * n + z * state[0],)


CELLS = {"tanh": rnn("tanh"), "relu": rnn("relu"), "sigmoid": rnn("sigmoid"), "lstm": lstm, "gru": gru}


def runs(truncation: Truncation, T: int):
    """(O, T) twice: the steps whose losses a run has, and those before which its states are detached."""
    every, none = np.ones((1, T), bool), np.zeros((1, T), bool)
    steps = np.arange(T)
    match truncation:
        case Chunk(k1, k2) if k2 < T:
            stretches = steps[::k1, None]
            scored = (stretches <= steps) & (steps < stretches + k1)
            return scored, (steps == stretches + k1 - k2) & (steps > 0)
        case Full() | Chunk():
            return every, none
        case Window(k):
            return np.eye(T, dtype=bool), steps[None] == steps[:, None] - k


def gradients(kind, params, x, state, dy, dstate, truncation, reset, lengths, masks=()):
    """Outputs, last states, and the gradients of everything, as NumPy float64 arrays by name.

    x (T, B, I); state and dstate: tuples of (num_layers, B, H); reset (T, B); lengths (B,); masks: what dropout
    multiplies the outputs of each layer but the last by, (T, B, H) each.
    """
    leaves = {name: leaf(array) for name, array in params.items()}
    leaves["x"] = leaf(x)
    leaves |= {f"state_{s}": leaf(part) for s, part in enumerate(state)}
    T, B = x.shape[:2]
    scored, detached = (torch.tensor(mask) for mask in runs(truncation, T))
    O = len(scored)

    layers = range(len(state[0]))
    now = [tuple(leaves[f"state_{s}"][k].expand(O, -1, -1) for s in range(len(state))) for k in layers]
    outputs = []
    for t in range(T):
        live = torch.tensor(t < lengths)[:, None]
        keep = torch.tensor(~reset[t])[:, None]
        y = leaves["x"][t].expand(O, -1, -1)
        for k in layers:
            entering = tuple(
                torch.where(keep, torch.where(detached[:, t, None, None], part.detach(), part), 0.0)
                for part in now[k]
            )
            ax, ah = y @ leaves[f"weight_ih_l{k}"].T, entering[0] @ leaves[f"weight_hh_l{k}"].T
            if f"bias_ih_l{k}" in leaves:
                ax, ah = ax + leaves[f"bias_ih_l{k}"], ah + leaves[f"bias_hh_l{k}"]
            new = CELLS[kind](ax, ah, entering)
            y = torch.where(live, new[0], 0.0)
            now[k] = tuple(torch.where(live, n, old) for n, old in zip(new, now[k], strict=True))
            if k < len(masks):
                y = y * double(masks[k][t])
        outputs.append(y)
    y = torch.stack(outputs, 1)  # (O, T, B, H)
    last = [torch.stack([now[k][s] for k in layers], 1) for s in range(len(state))]  # (O, num_layers, B, H)

    # A sequence's last state counts in the run that has its last step's loss.
    ends = scored[:, torch.tensor(lengths) - 1]  # (O, B)
    loss = (scored[:, :, None, None] * y * double(dy)).sum()
    for s, part in enumerate(dstate):
        loss = loss + (ends[:, None, :, None] * last[s] * double(part)).sum()
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    result = {
        f"d{name}": np.zeros(leaves[name].shape) if grad is None else grad.numpy()
        for name, grad in zip(leaves, found, strict=True)
    }
    result["y"] = y[0].detach().numpy()
    return result | {f"last_{s}": part[0].detach().numpy() for s, part in enumerate(last)}


def double(array):
    return torch.tensor(np.asarray(array, np.float64))


def leaf(array):
    return double(array).requires_grad_()
