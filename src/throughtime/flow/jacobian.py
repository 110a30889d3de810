"""The Jacobians of a layer's steps, state to state with the input held, and the singular values of their chains.

A cell's equations see one unit at a time, so all derivatives of a unit's new state are a few numbers: those with
respect to its pre-activations, and to its own previous state along the paths without weights. One call of the lag sweep
finds them for every unit, step and sequence at once, one part of the state after the other, and the recurrent weights
then mix the units:

    d state_s / d h_prev = sum over gates of diag(d state_s / d a_gate) W_gate + diag(d state_s / d h_prev, directly),

with the last term alone for the other parts of the previous state. For the plain RNN this is diag(f'(a)) W.

The order of a state's n = STATES * H numbers is h, then the other parts, H each; entry [i, j] of a Jacobian is the
derivative of the new number i with respect to the old number j. All is computed in float64, whatever the layer's type.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError, DivergedError
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.products import PLAIN
from throughtime.machine.workspace import Workspace
from throughtime.networks.dropout import Dropout
from throughtime.networks.layer import Recurrent, State
from throughtime.networks.network import Network
from throughtime.networks.stack import Stack
from throughtime.networks.trace import NOWHERE, LayerTrace
from throughtime.networks.validation import check_params
from throughtime.sweeps.lags import lag
from throughtime.sweeps.slots import for_cell


@dataclass(frozen=True, eq=False)
class Jacobians:
    """The Jacobians of one layer's T steps: ``len(jacobians)`` is T, ``jacobians[t]`` those of step t, (B, n, n).

    They are made when they are asked for, as all of them at once would take T * B * n * n numbers.

    Attributes
    ----------
    slopes : (STATES, T, B, GATES, H)
        Derivatives of each part of the state with respect to what W_hh makes.
    direct : (STATES, STATES, T, B, H)
        Of part [s] with respect to the previous part [s'], on the paths without weights.
    weight : (GATES, H, H)
        The recurrent weights.
    """

    slopes: Array
    direct: Array
    weight: Array

    @property
    def size(self) -> int:
        """n, the numbers in a sequence's state: STATES * H."""
        return int(self.slopes.shape[0] * self.slopes.shape[-1])

    def __len__(self) -> int:
        return int(self.slopes.shape[1])

    def __iter__(self) -> Iterator[Array]:
        return (self[t] for t in range(len(self)))

    def __getitem__(self, t: int) -> Array:
        if not -len(self) <= t < len(self):
            raise IndexError(f"step {t} found; expected one of {len(self)}. Count from 0.")
        S, _, B, _, H = self.slopes.shape
        made = np.zeros((B, S, H, S, H))
        np.einsum("sbgi,gij->bsij", self.slopes[:, t], self.weight, out=made[:, :, :, 0])
        units = np.arange(H)
        made[:, :, units, :, units] += self.direct[:, :, t].transpose(3, 2, 0, 1)
        return made.reshape(B, S * H, S * H)


def find_jacobians(
    network: Recurrent | Network, inputs: Array, *, layer: int = -1, state: State | None = None
) -> Jacobians:
    """Run over a sequence and differentiate each step of one layer with respect to the state that entered it.

    The layer's input is held, so what a state passes on through layers above or below is left out. Dropout does not act.

    Parameters
    ----------
    network : Recurrent, SequenceModel or LanguageModel
    inputs : (T, B, I), or ids (T, B)
        As the network's `forward` has them.
    layer : int
        -1 is the top.
    state : (num_layers, B, H), for LSTM a pair of them; or None for zeros

    Raises
    ------
    ArgumentError
        No such layer, or bidirectional layers, whose state at a step comes from both ends.
    DivergedError
        A state that is not finite.
    ShapeError, DtypeError, TokenError
        As `forward`.

    Examples
    --------
    >>> import throughtime as tt
    >>> jacobians = find_jacobians(tt.LSTM(3, 4, seed=0), np.zeros((5, 2, 3), np.float32))
    >>> len(jacobians), jacobians[0].shape
    (5, (2, 8, 8))
    """
    layers = network if isinstance(network, Recurrent) else network.layers
    layer = _require_layer(layer, layers)
    with computing(), np.errstate(all="ignore"):
        params, trace = _run(network, layers, inputs, state, layer)
        return _differentiate(layers.cell, params[f"weight_hh_l{layer}"], trace)


def chain_singular_values(jacobians: Jacobians, t: int, lags: int | Sequence[int]) -> Array:
    """Natural logarithms of the singular values of J_t J_{t-1} ... J_{t-l+1}, for each lag l up to `lags`, or in it.

    That product is the derivative of the state after step t with respect to the one l steps before; its largest
    singular value is the most that a gradient can grow over these steps, its smallest the least that is left of one.

    The product's scale is kept apart, so that the logarithms are right far beyond what a float can hold. But the
    singular values of one product are known only down to rounding beside the largest, n * 2.2e-16 of it; what is
    smaller is NaN.

    Parameters
    ----------
    jacobians : Jacobians
    t : int
        The last step; -1 is the last of all.
    lags : int, or ints that rise
        From 0 to t + 1, where the chain has come to the initial state. Up to the last each costs a product, and each that is
        wanted a singular value decomposition, of n x n a sequence.

    Returns
    -------
    (N, B, n)
        A row a lag, of 0..lags or those named. Falling along the last axis; at lag 0 it is zero, -inf stands for a product
        that is zero.

    Raises
    ------
    ArgumentError
        t or a lag is out of range, or the lags do not rise.

    Examples
    --------
    A linear cell with W = Q / 2, Q orthogonal, halves every vector; so does tanh in its linear part:

    >>> import throughtime as tt
    >>> layer = tt.RNN(1, 2, bias=False, dtype="float64", seed=0)
    >>> layer.params["weight_hh_l0"][...] = 0.5 * np.eye(2)[::-1]
    >>> jacobians = find_jacobians(layer, np.zeros((9, 1, 1)))
    >>> np.exp(chain_singular_values(jacobians, t=8, lags=3))[:, 0, 0].round(6).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    T, n = len(jacobians), jacobians.size
    if not -T <= t < T:
        raise ArgumentError(
            f"t={t} found; expected a step from 0 to {T - 1}. Leave negative steps to count from the end."
        )
    t %= T
    wanted = list(range(lags + 1)) if isinstance(lags, int | np.integer) else list(lags)
    if not wanted or wanted != sorted(set(wanted)) or not 0 <= wanted[0] <= wanted[-1] <= t + 1:
        raise ArgumentError(
            f"lags={lags} found; expected 0 to {t + 1}, as many steps as lead to t={t}, or some of these, rising. Choose a "
            "later t."
        )
    product = np.broadcast_to(np.eye(n), (jacobians.slopes.shape[2], n, n))
    scale = np.zeros(len(product))
    found = np.zeros((len(wanted), len(product), n))
    with computing(), np.errstate(divide="ignore", invalid="ignore"):
        for l in range(1, wanted[-1] + 1):
            product = product @ jacobians[t - l + 1]
            largest = np.abs(product).max(axis=(1, 2))
            product = product / np.where(largest > 0, largest, 1)[:, None, None]
            scale += np.log(largest)
            if l in wanted:
                values = np.linalg.svd(product, compute_uv=False)
                known = values >= n * np.finfo(np.float64).eps * values[:, :1]
                found[wanted.index(l)] = np.where(known, np.log(values) + scale[:, None], np.nan)
    return found


def _require_layer(layer: int, layers: Recurrent) -> int:
    if layers.bidirectional:
        raise ArgumentError(
            "Jacobians of bidirectional layers found; expected one direction, as a state there comes from both ends of a "
            "sequence. Ask for those of a network that reads one way."
        )
    if not -layers.num_layers <= layer < layers.num_layers:
        raise ArgumentError(
            f"layer={layer} found; expected 0 to {layers.num_layers - 1}, or -1 for the top. Name one of the network's layers."
        )
    return layer % layers.num_layers


def _run(
    network: Recurrent | Network, layers: Recurrent, inputs: Array, state: State | None, layer: int
) -> tuple[dict[str, Array], LayerTrace]:
    """Parameters in float64, and what a forward pass with them leaves of one layer."""
    check_params(network.params, network.shapes, network.dtype)
    if isinstance(network, Recurrent):
        own, source = network.params, network.source(inputs)
    else:
        own, source = network._layer_params(), network._source(inputs)
    params = {name: array.astype(np.float64, order="K") for name, array in own.items()}
    state_in = layers.state_in("state", state, source.B)
    needed = layer + 1  # what lies above has no part in it
    stack = Stack(layers.cell, layers.hidden_size, needed, Dropout(0.0, np.random.default_rng(0)), np.float64)
    masks = stack.masks(source.T, source.B, training=False)
    _, _, trace = stack.forward(
        params, source, None if state_in is None else state_in[:, :needed], None, None, masks, Workspace()
    )
    wrong = ~np.isfinite(trace.layers[layer].states).all(axis=(0, 2, 3))
    if wrong.any():
        raise DivergedError(
            f"the state after {int(np.argmax(wrong))} steps is not finite; expected numbers. Measure a shorter sequence, or weights "
            "from before they diverged."
        )
    return params, trace.layers[layer]


def _differentiate(cell: Cell, weight_hh: Array, trace: LayerTrace) -> Jacobians:
    """Back over every step at once, one part of the state after the other, without the product with the weights."""
    T, B, G, H = trace.kept.shape
    S, R = len(cell.states), T * B
    steps, sequences = np.divmod(np.arange(R), B)
    sweep, weights = for_cell(lag, cell, summing=False), PLAIN.backward(weight_hh, Workspace())
    nothing = np.zeros((0, B, G, H))
    slopes, direct = np.empty((S, R, G, H)), np.zeros((S, S, R, H))
    for s in range(S):
        direct[s, s] = 1  # in: this part of every unit alone. Out: what reaches the parts before.
        apart = slopes[s] if cell.apart else np.empty((0, G, H))
        summed = np.empty((R, G, H)) if cell.apart else slopes[s]
        sweep(
            0,
            0,
            True,
            steps,
            sequences,
            *trace.swept,
            NOWHERE,
            weights,
            np.zeros((R, H)),
            direct[s],
            summed,
            apart,
            nothing,
            nothing,
            np.zeros_like(trace.unit),
        )
    return Jacobians(
        slopes.reshape(S, T, B, G, H), direct.reshape(S, S, T, B, H), weight_hh.reshape(G, H, H).copy()
    )
