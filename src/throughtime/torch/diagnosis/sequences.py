"""A recurrent layer's recorded calls as one batch of sequences, and the layer itself with the same weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from throughtime.cells.cell import Cell
from throughtime.cells.named import CELLS as NAMED
from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.networks.layer import Recurrent, State
from throughtime.torch.diagnosis.numbers import require_numbers
from throughtime.torch.diagnosis.parts import CELLS, Part
from throughtime.torch.diagnosis.recorded import Call

# Two ways of computing the same differ by rounding; another layer altogether differs by more.
_ROUNDING = 1e-2
# What is added shows by the third step, whose state came from two others; a chaotic recurrence multiplies rounding later.
_COMPARED = 3


@dataclass
class Sequences:
    """What a layer reads and what the loss's gradient is at its outputs, as `throughtime.gradient_flow` takes them.

    Attributes
    ----------
    x : (T, B, I), y : (T, B, H), dy : as y
    state, dstate : (num_layers, B, H) for each part of the state, or None
    reset : (T, B) of bool, or None
    lengths : (B,) of int, or None
    """

    x: Array
    y: Array
    dy: Array
    state: State | None
    dstate: State | None
    reset: Array | None
    lengths: Array | None


def same_layer(part: Part) -> Recurrent:
    """A layer of throughtime with the weights of a layer or cell of PyTorch; of one in both directions, those of the forward one.

    Raises
    ------
    ArgumentError, DtypeError
        It has several layers that read both directions, projects its state, is on another device, or computes in another type.
    """
    module = part.owner
    if getattr(module, "bidirectional", False) and module.num_layers > 1:
        raise ArgumentError(
            f"{part} is bidirectional with num_layers={module.num_layers}; expected num_layers=1, as upper layers read a past and "
            "a future at each step. Build it of modules with one layer each, load its weights into these, and name one of "
            "them, as layer='first'."
        )
    if getattr(module, "proj_size", 0):
        raise ArgumentError(
            f"{part} has proj_size={module.proj_size}; expected 0, as a projected state has equations of its own. Diagnose it "
            "with proj_size=0."
        )
    # As its attributes: a parametrisation makes them from other parameters.
    ending = "_l0" if isinstance(module, CELLS) else ""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if module.bias else 2]
    layers = getattr(module, "num_layers", 1)
    names = [f"{kind}{'' if ending else f'_l{k}'}" for k in range(layers) for kind in kinds]
    weights = {f"{name}{ending}": getattr(module, name) for name in names}
    dtype = require_numbers(str(part), *weights.values())
    layer = Recurrent(
        _cell(module), module.input_size, module.hidden_size, layers, module.bias, dtype=dtype, seed=0
    )
    for name, weight in weights.items():
        layer.params[name][...] = weight.detach().numpy()
    return layer


def _cell(module: nn.Module) -> Cell:
    match module:
        case nn.LSTM() | nn.LSTMCell():
            return NAMED["lstm"]
        case nn.GRU() | nn.GRUCell():
            return NAMED["gru"]
    return NAMED[f"rnn_{module.nonlinearity}"]


def join(calls: list[Call], part: Part, layer: Recurrent) -> Sequences:
    """The calls one after the other in time, each beginning in the state that the one before it left, or in none.

    Calls that no gradient reaches, as they only warm the state up, are left out.

    Raises
    ------
    ArgumentError, DtypeError
        They do not follow each other, something of one goes to another on another way, or the inputs' type is another.
    """
    stretches = [_Stretch(call, part, layer) for call in calls]
    if len(calls) > 1:
        _require_alike(stretches, part)
    resets = [np.zeros(stretch.y.shape[:2], np.bool_) for stretch in stretches]
    start = 0
    for k, (before, after) in enumerate(pairwise(stretches), start=1):
        resets[k][0] = _begins_anew(k, before, after, part)
        if _is_cut(before, after, resets[k][0]):
            if any(stretch.is_read() for stretch in stretches[start:k]):
                raise ArgumentError(
                    f"the state is detached between calls {k - 1} and {k} of {part}, so no gradient goes back beyond; expected it as "
                    "the call left it. Take out detach() or no_grad(), or give inputs of one such stretch."
                )
            start = k
            continue
        for name, gradient in before.others().items():
            if gradient.any():
                raise ArgumentError(
                    f"the loss reads {name} of call {k - 1} of {part}; expected the top layer's h, but for the last call. Name "
                    "the function that makes one step of time, as step='cell'."
                )
        before.dy[-1] += before.dstate[0, -1]
    stretches, reset = stretches[start:], np.concatenate(resets[start:])
    first, dstate = stretches[0], stretches[-1].dstate
    return Sequences(
        np.concatenate([stretch.x for stretch in stretches]),
        np.concatenate([stretch.y for stretch in stretches]),
        np.concatenate([stretch.dy for stretch in stretches]),
        None if first.state is None else layer.state_out(first.state),
        layer.state_out(dstate) if dstate.any() else None,
        reset if reset.any() else None,
        first.lengths,
    )


def require_same_output(layer: Recurrent, found: Sequences, part: Part) -> None:
    """Nothing where the layer gives what PyTorch's gave at its first steps.

    Raises
    ------
    ArgumentError
        It does not: PyTorch's is a layer with other equations.
    """
    reset = None if found.reset is None else found.reset[:_COMPARED]
    lengths = None if found.lengths is None else np.minimum(found.lengths, _COMPARED)
    y, _, _ = layer.forward(found.x[:_COMPARED], found.state, reset, lengths)
    expected = found.y[:_COMPARED]
    with np.errstate(invalid="ignore"):
        apart = float(np.nanmax(np.abs(y - expected), initial=0.0))
        size = float(np.nanmax(np.abs(expected), initial=1.0))
    if apart > _ROUNDING * size:
        raise ArgumentError(
            f"{part} gives outputs that differ by {apart:.2g} from those of its equations; expected a {layer.cell.name} with "
            "nothing added. Name the function that makes one step of time, as step='cell'."
        )


class _Stretch:
    """One call: arrays (T, B, ...) and states (STATES, num_layers, B, H)."""

    def __init__(self, call: Call, part: Part, layer: Recurrent) -> None:
        module = part.owner
        self._is_cell = isinstance(module, CELLS)
        self._layer = layer
        self._batch_first = bool(getattr(module, "batch_first", False))
        given = dict(zip(("input", "hx"), call.args, strict=False)) | call.kwargs
        source, hx = given["input"], given.get("hx")
        require_numbers("the input of " + str(part), source.data)
        plain = source.data.ndim - (0 if self._is_cell else 1)  # 1 where there is no batch
        self._batched = isinstance(source, PackedSequence) or plain == 2
        self.lengths: Array | None = None
        if isinstance(source, PackedSequence):
            self.lengths = pad_packed_sequence(source)[1].numpy()
        self.x = self._by_step(source)
        output, *_ = call.returned if not self._is_cell else (call.made[0],)
        H = layer.hidden_size  # behind these is what comes back from the end
        self.y = np.ascontiguousarray(self._by_step(output)[..., :H])
        gradients = [
            torch.zeros_like(leaf) if gradient is None else gradient
            for leaf, gradient in zip(call.leaves, call.direct, strict=True)
        ]
        dy = output._replace(data=gradients[0]) if isinstance(output, PackedSequence) else gradients[0]
        self.dy = self._by_step(dy)[..., :H].copy()
        finals = call.made if self._is_cell else call.made[1:]
        self.final = self._state(finals)
        self.dstate = self._state(gradients if self._is_cell else gradients[1:])
        if self._is_cell:
            self.dstate[0] = 0  # h is the output
        self.state = None if hx is None else self._state(hx if isinstance(hx, tuple | list) else [hx])
        data = source.data if isinstance(source, PackedSequence) else source
        self.read = [each.sources for each in call.arguments if each.given is data]
        self.entered = [each.sources for each in call.arguments if each.given is not data]
        self.cell = layer.cell

    def is_read(self) -> bool:
        """Whether the loss reads anything of it."""
        return bool(self.dy.any() or self.dstate.any())

    def others(self) -> dict[str, Array]:
        """The gradients of what is not the top layer's h, by name."""
        lower = {f"h of layer {k}": self.dstate[0, k] for k in range(self.dstate.shape[1] - 1)}
        return {**lower, **{name: self.dstate[s + 1] for s, name in enumerate(self.cell.states[1:])}}

    def _by_step(self, tensor: Any) -> Array:
        if isinstance(tensor, PackedSequence):
            padded: Array = pad_packed_sequence(tensor)[0].detach().numpy()
            return padded
        array: Array = tensor.detach().numpy()
        if not self._batched:
            array = array[..., None, :]
        elif self._batch_first:
            array = array.swapaxes(0, 1)
        return np.ascontiguousarray(array[None] if self._is_cell else array)

    def _state(self, parts: Sequence[Tensor]) -> Array:
        arrays = [part.detach().numpy() for part in parts]
        if not self._batched:
            arrays = [array[..., None, :] for array in arrays]
        return np.stack(
            [array[None] if self._is_cell else array[: self._layer.num_layers] for array in arrays]
        )


def _require_alike(stretches: list[_Stretch], part: Part) -> None:
    sizes = sorted({stretch.x.shape[1] for stretch in stretches})
    if len(sizes) > 1 or stretches[0].lengths is not None:
        found = "packed sequences" if len(sizes) == 1 else f"batches of {' and '.join(map(str, sizes))}"
        raise ArgumentError(
            f"{len(stretches)} calls of {part} with {found}; expected one call, or calls with one batch that goes on from call "
            "to call. Give inputs for which it is called once."
        )
    for k, stretch in enumerate(stretches):
        if any(stretch.read):
            raise ArgumentError(
                f"the input of call {k} of {part} is computed from what it gave before; expected inputs from elsewhere. Name "
                f"the step itself, as step={part.path!r}: then this path is followed, too."
            )


def _begins_anew(k: int, before: _Stretch, after: _Stretch, part: Part) -> Array:
    """(B,) of bool: whether a sequence begins in a state of zeros, and not in the one that the call before it left."""
    entering = np.zeros_like(before.final) if after.state is None else after.state
    left = before.final
    # What is not a number goes on, too: it is told of once the gradient is measured.
    going_on: Array = ((entering == left) | (np.isnan(entering) & np.isnan(left))).all(axis=(0, 1, 3))
    anew: Array = ~going_on & (entering == 0).all(axis=(0, 1, 3))
    if not (anew | going_on).all():
        raise ArgumentError(
            f"call {k} of {part} begins in a state that call {k - 1} did not leave; expected that one, or zeros. Name the step "
            f"itself, as step={part.path!r}: then what lies between is followed, too."
        )
    return anew


def _is_cut(before: _Stretch, after: _Stretch, anew: Array) -> bool:
    """Whether a state goes on, but no gradient goes back through it."""
    return bool(not anew.all() and (before.final != 0).any() and not any(after.entered))
