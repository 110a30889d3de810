"""Lyapunov exponents: the mean rates at which a layer's steps stretch and shrink small differences of its state.

An orthonormal frame is carried through the Jacobians of the steps (`throughtime.flow.jacobian`) and made orthonormal
again after each by a QR decomposition, Q_t R_t = J_t Q_{t-1}; exponent i is the mean of log |R_ii|. The input is held
with each sequence, so these are the exponents of the driven layer. The largest tells what becomes of gradients over many
steps: above zero they explode, far below zero they vanish, and 1 / -lambda is then the number of steps by which they fall
to 1/e.

The frame begins in random directions, always the same. With the first columns of the identity, as the method is often
written, weights with zeros in the right places never turn it: for an LSTM whose recurrent weights are zero, the first
exponents would be those of h, which is forgotten at once, and not those of c.

References
----------
G. Benettin, L. Galgani, A. Giorgilli and J.-M. Strelcyn, "Lyapunov characteristic exponents for smooth dynamical systems
and for Hamiltonian systems; a method for computing all of them", Meccanica 15 (1980), part 2: the method.
R. Engelken, F. Wolf and L. F. Abbott, "Lyapunov spectra of chaotic recurrent neural networks", Physical Review Research 5
(2023), 043044.
R. Vogt, M. Puelma Touzel, E. Shlizerman and G. Lajoie, "On Lyapunov exponents for RNNs: understanding information
propagation using dynamical systems tools", Frontiers in Applied Mathematics and Statistics 8 (2022): driven layers, and
gradients.
"""

from dataclasses import dataclass

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.flow.jacobian import find_jacobians
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.networks.layer import Recurrent, State
from throughtime.networks.network import Network


@dataclass(frozen=True, eq=False)
class Lyapunov:
    """The first exponents of one layer.

    Attributes
    ----------
    exponents : (k,)
        Natural logarithms, a step: mean over steps and sequences. The greatest first, as far as the errors tell. -inf
        for a direction that some step loses altogether, to rounding, as a dead ReLU does.
    errors : (k,)
        The standard error of that mean, from what the sequences have apart; NaN for a single sequence.
    steps : int
        How many steps of each sequence it is a mean of.
    """

    exponents: Array
    errors: Array
    steps: int


def lyapunov_exponents(
    network: Recurrent | Network,
    inputs: Array,
    k: int | None = None,
    burn_in: int | None = None,
    *,
    layer: int = -1,
    state: State | None = None,
) -> Lyapunov:
    """The first k Lyapunov exponents of one layer along given inputs.

    Parameters
    ----------
    network, inputs, layer, state
        As `throughtime.flow.jacobian.find_jacobians` has them. Sequences should be long, hundreds of steps: the exponents
        are limits, and within a few steps the frame has not yet turned to the directions that grow most.
    k : int or None
        From 1 to n = STATES * H; None for all.
    burn_in : int or None
        Steps at the start that do not count, while the state and the frame settle; None for a fifth of them.

    Raises
    ------
    ArgumentError
        k or burn_in is out of range, and as `find_jacobians`.
    DivergedError, ShapeError, DtypeError, TokenError
        As `find_jacobians`.

    Examples
    --------
    >>> import throughtime as tt
    >>> layer = tt.RNN(1, 2, bias=False, dtype="float64", seed=0)
    >>> layer.params["weight_hh_l0"][...] = np.diag([0.5, 0.25])
    >>> lyapunov_exponents(layer, np.zeros((50, 1, 1))).exponents.round(4).tolist()
    [-0.6931, -1.3863]
    """
    jacobians = find_jacobians(network, inputs, layer=layer, state=state)
    T, n = len(jacobians), jacobians.size
    k = n if k is None else k
    if not 1 <= k <= n:
        raise ArgumentError(f"k={k} found; expected 1 to {n}, the size of the state. Leave it out for all.")
    burn_in = T // 5 if burn_in is None else burn_in
    if not 0 <= burn_in < T:
        raise ArgumentError(
            f"burn_in={burn_in} found with {T} steps; expected 0 to {T - 1}. Leave it out, or pass longer sequences."
        )
    B = jacobians.slopes.shape[2]
    total = np.zeros((B, k))
    with computing(), np.errstate(divide="ignore", invalid="ignore"):
        random = (
            np.random.default_rng(0).standard_normal((k, n)).T
        )  # its first columns are the same for any k
        frame = np.broadcast_to(np.linalg.qr(random)[0], (B, n, k))
        for t, jacobian in enumerate(jacobians):
            frame, triangle = np.linalg.qr(jacobian @ frame)
            if t >= burn_in:
                total += np.log(_stretches(triangle))
        rates = total / (T - burn_in)
        spread = rates.std(axis=0, ddof=1) / np.sqrt(B) if B > 1 else np.full(k, np.nan)
        return Lyapunov(rates.mean(axis=0), spread, T - burn_in)


def _stretches(triangle: Array) -> Array:
    """(B, k): |R_ii|; zero where no more than rounding is left beside the largest entry."""
    sizes = np.abs(triangle)
    stretches: Array = np.diagonal(sizes, axis1=1, axis2=2)
    rounding = len(triangle[0]) * np.finfo(np.float64).eps * sizes.max(axis=(1, 2))
    return np.where(stretches > rounding[:, None], stretches, 0)
