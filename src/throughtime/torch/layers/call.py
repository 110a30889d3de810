"""One call of a recurrent layer, as PyTorch's modules put it to their computation."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from throughtime.networks.bidirectional import SUFFIXES

# PyTorch's own computations, by the names its modules call them with.
_OWN = torch._VF
_NOTHING = torch.empty(0, device="cpu")


@dataclass(frozen=True)
class Call:
    """What `torch._VF.gru` and its like are called with.

    Attributes
    ----------
    name : "rnn_tanh", "rnn_relu", "gru" or "lstm"
    input : (T, B, I), (B, T, I) if batch_first; packed the steps one after another, (N, I)
    batch_sizes : (T,) of int64, or None
        Of a packed input, how many sequences have each step; the longest come first.
    states : tuple of (directions * num_layers, B, H)
        h, for an LSTM h and c.
    weights : tuple
        Layer by layer and direction by direction weight_ih, weight_hh and, with `bias`, bias_ih, bias_hh.
    """

    name: str
    input: Tensor
    batch_sizes: Tensor | None
    states: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    bias: bool
    num_layers: int
    dropout: float
    training: bool
    bidirectional: bool
    batch_first: bool

    @classmethod
    def of(cls, name: str, arguments: Sequence[Any]) -> Self:
        """Read the arguments: nine with a padded input, nine others with a packed one."""
        batch_sizes, batch_first = None, False
        if isinstance(arguments[3], bool):
            *arguments, batch_first = arguments
        else:
            batch_sizes = arguments[1]
            arguments = [arguments[0], *arguments[2:]]
        read, states, weights, bias, num_layers, dropout, training, bidirectional = arguments
        return cls(
            name,
            read,
            batch_sizes,
            (states,) if isinstance(states, Tensor) else tuple(states),
            tuple(weights),
            bias,
            num_layers,
            dropout,
            training,
            bidirectional,
            batch_first,
        )

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that a gradient can be asked for: input, states, weights."""
        return self.input, *self.states, *self.weights

    def on(self, tensors: tuple[Tensor, ...]) -> Self:
        """The same call on other tensors, in the order of `tensors`."""
        count = 1 + len(self.states)
        return replace(self, input=tensors[0], states=tensors[1:count], weights=tensors[count:])

    def without_tensors(self) -> Self:
        """The same call, of which `on` makes one again; of the states it knows how many there are."""
        return replace(self, input=_NOTHING, states=(_NOTHING,) * len(self.states), weights=())

    def by_pytorch(self) -> tuple[Tensor, ...]:
        """y and the last states, by PyTorch's own code."""
        states = self.states if self.name == "lstm" else self.states[0]
        settings = self.weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional
        compute = getattr(_OWN, self.name)
        if self.batch_sizes is None:
            result: tuple[Tensor, ...] = compute(self.input, states, *settings, self.batch_first)
        else:
            result = compute(self.input, self.batch_sizes, states, *settings)
        return result

    @property
    def draws(self) -> bool:
        """Whether dropout draws random numbers."""
        return self.training and self.num_layers > 1 and 0 < self.dropout < 1

    @property
    def directions(self) -> int:
        """2 if bidirectional, otherwise 1."""
        return 2 if self.bidirectional else 1

    @property
    def names(self) -> tuple[str, ...]:
        """PyTorch's names of the weights."""
        return _names(self.bias, self.num_layers, self.directions)


@functools.cache
def _names(bias: bool, num_layers: int, directions: int) -> tuple[str, ...]:
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if bias else ("weight_ih", "weight_hh")
    ways = SUFFIXES[:directions]
    return tuple(f"{kind}_l{layer}{way}" for layer in range(num_layers) for way in ways for kind in kinds)
