"""Layers that read a sequence in both directions, made of two stacks of one layer each.

Schuster and Paliwal (1997). The second direction reads each sequence from its own end, so that a reversed sweep is
an ordinary one over a turned input.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.dropout import Dropout, Masks, masked
from throughtime.networks.inputs import Input, Vectors, turned
from throughtime.networks.stack import Gradients, Stack
from throughtime.networks.trace import Trace
from throughtime.truncation import Full, Truncation

SUFFIXES = ("", "_reverse")  # PyTorch's


@dataclass
class BidirectionalTrace:
    """What a forward pass leaves for the way back: layer by layer the traces of both directions."""

    owner: object
    layers: list[tuple[Trace, Trace]]
    masks: list[Array | None]  # dropout's, on each layer's input
    turn: Array

    @property
    def T(self) -> int:
        return self.layers[0][0].T

    @property
    def B(self) -> int:
        return self.layers[0][0].B


class BidirectionalStack:
    """As `Stack`, with y (T, B, 2H) and states (STATES, 2 * num_layers, B, H), the directions of a layer in turn."""

    def __init__(self, cell: Cell, hidden_size: int, num_layers: int, dropout: Dropout, dtype: Any) -> None:
        self.H, self.num_layers, self.dropout, self.dtype = hidden_size, num_layers, dropout, np.dtype(dtype)
        self.single = Stack(cell, hidden_size, 1, dropout, dtype)

    def masks(self, T: int, B: int, training: bool) -> Masks:
        """One (T, B, 2H) for each layer but the last; None for each while not training."""
        shape = T, B, 2 * self.H
        return [
            self.dropout.mask(shape, self.dtype) if training else None for _ in range(self.num_layers - 1)
        ]

    def forward(
        self,
        params: dict[str, Array],
        source: Input,
        state: Array | None,
        reset: Array | None,
        lengths: Array | None,
        masks: Masks,
        workspace: Workspace,
    ) -> tuple[Array, Array, BidirectionalTrace]:
        """y, the last state of each direction, and the trace."""
        T, B = source.T, source.B
        if lengths is not None:
            padding = np.arange(T)[:, None] >= lengths
            source = source.without(padding)
            # Coming from the other side, a reset just beyond the end would stand before the first step.
            reset = None if reset is None else reset & ~padding
        turn = _turn(T, B, lengths)
        resets = (reset, None if reset is None else _resets_of_the_other_way(reset, turn))
        trace = BidirectionalTrace(self, [], [], turn)
        finals: list[Array] = []
        mask: Array | None = None
        for k in range(self.num_layers):
            outputs, traces = [], []
            for way, read in enumerate((source, source.turned(turn))):
                row = 2 * k + way
                out, final, passed = self.single.forward(
                    _of_one(params, k, way),
                    read,
                    None if state is None else state[:, row : row + 1],
                    resets[way],
                    lengths,
                    [],
                    workspace.part(f"layer {k} way {way}"),
                )
                outputs.append(turned(out, turn) if way else out)
                traces.append(passed)
                finals.append(final)
            y = np.concatenate(outputs, axis=2)
            trace.layers.append((traces[0], traces[1]))
            trace.masks.append(mask)
            if k + 1 < self.num_layers:
                mask = masks[k]
                source = Vectors(masked(y, mask))
        return y, np.concatenate(finals, axis=1), trace

    def backward(
        self,
        params: dict[str, Array],
        trace: BidirectionalTrace,
        dy: Array | None,
        dstate: Array | None,
        truncation: Truncation,
        workspace: Workspace,
        wanted: bool = True,
        omega: bool = False,
        spend: bool = False,
    ) -> Gradients:
        """Gradients from dy (T, B, 2H) and those of the last states; None stands for zeros.

        Raises
        ------
        ArgumentError
            A truncation: at each step the second direction carries all the future.
        """
        T, B, H = trace.T, trace.B, self.H
        if truncation.window(T) is not None or any(segment.start for segment in truncation.segments(T)):
            raise ArgumentError(
                f"truncation {truncation} found with bidirectional layers; expected full, as they read the whole "
                "sequence before its first output. Use Full(), on shorter sequences."
            )
        if dy is None:
            dy = np.zeros((T, B, 2 * H), self.dtype)
        dfinal = np.zeros((len(self.single.cell.states), 2 * self.num_layers, B, H), self.dtype)
        if dstate is not None:
            dfinal[...] = dstate
        grads = Gradients({}, None, dfinal)
        for k in reversed(range(self.num_layers)):
            total: Array | None = None
            for way, passed in enumerate(trace.layers[k]):
                row = 2 * k + way
                part = np.ascontiguousarray(dy[:, :, way * H : (way + 1) * H])
                found = self.single.backward(
                    _of_one(params, k, way),
                    passed,
                    turned(part, trace.turn) if way else part,
                    dfinal[:, row : row + 1],
                    Full(),
                    workspace.part(f"layer {k} way {way}"),
                    wanted or k > 0,
                    omega,
                    spend,
                )
                for name, gradient in found.params.items():
                    grads.params[name.removesuffix("_l0") + f"_l{k}{SUFFIXES[way]}"] = gradient
                for name, terms in found.omega.items():
                    grads.omega[name.removesuffix("_l0") + f"_l{k}{SUFFIXES[way]}"] = terms
                dfinal[:, row : row + 1] = found.dstate
                if found.dinput is not None:
                    total = found.dinput if total is None else total + found.dinput
            mask = trace.masks[k]
            if k:
                assert total is not None
                dy = masked(total, mask)
            else:
                grads.dinput = total
        return grads


def _of_one(params: dict[str, Array], k: int, way: int) -> dict[str, Array]:
    """The parameters of one layer and direction, named as those of a stack of one."""
    suffix = f"_l{k}{SUFFIXES[way]}"
    return {
        name.removesuffix(suffix) + "_l0": array for name, array in params.items() if name.endswith(suffix)
    }


def _turn(T: int, B: int, lengths: Array | None) -> Array:
    """(T, B): which step stands at step t when each sequence is read from its end; padding stays. Its own inverse."""
    steps = np.arange(T)[:, None]
    ends = np.full(B, T) if lengths is None else lengths
    turn: Array = np.where(steps < ends, ends - 1 - steps, steps)
    return turn


def _resets_of_the_other_way(reset: Array, turn: Array) -> Array:
    """A reset before step t parts t - 1 from t; coming from the other side, it stands before t - 1."""
    before = np.zeros_like(reset)
    before[:-1] = reset[1:]
    return turned(before, turn)
