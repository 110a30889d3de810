"""Every value of a training step in the order in which they arise, and the first that is not finite.

Forward in time, within a step through the layers from the bottom; then the loss; then back from the last step, within a
step through the layers from the top. Gradients of weights are summed step by step, where a sweep leaves them to one
product at the end: the sums differ in their last bits alone.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from throughtime.losses import count_targets, losses
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.faults.fault import Place
from throughtime.networks.faults.steps import Batch, LayerBack, LayerStep, Steps, vectors_read
from throughtime.networks.faults.values import Value, most
from throughtime.networks.network import Network
from throughtime.networks.readout import read_out
from throughtime.networks.units import split_units
from throughtime.targets import IGNORED
from throughtime.truncation import Segment, Truncation


class Search:
    """One pass over a training step.

    Attributes
    ----------
    loss : float
        Reduced; NaN where the search ended before.
    grads : dict of str to ndarray
        Of the reduced loss, complete if nothing bad was found.
    largest : Place or None
        The greatest |dE/da| that was met.
    """

    def __init__(
        self,
        model: Network,
        batch: Batch,
        targets: Array,
        truncation: Truncation,
        reduction: Literal["mean", "sum"],
    ) -> None:
        self.model, self.batch, self.targets = model, batch, targets
        self.truncation = truncation
        self.steps = Steps(model)
        self.readout = model._readout()
        self.path: list[list[LayerStep]] = []
        self.outputs: list[Array] = []
        T = batch.T
        self.running: Array = np.arange(T)[:, None] < batch.lengths
        self.scored = self.running & ((model.at == "every") | (np.arange(T)[:, None] == batch.lengths - 1))
        wanted = self._wanted_everywhere()
        if model.loss != "squared":  # what is ignored is not read out
            self.scored &= (wanted != IGNORED).reshape(T, batch.B, -1).any(axis=2)
        self.count = count_targets(wanted[self.scored], model.loss)
        self.scale = 1.0 if reduction == "sum" or not self.count else 1.0 / self.count
        self.loss = np.nan
        self.grads = {name: np.zeros_like(array) for name, array in model.params.items()}
        self.largest: Place | None = None

    def first(self) -> Place | None:
        """The place of the first bad value; None where all are finite."""
        place = self._first(self._forward()) or self._first(self._losses())
        if place is not None:
            return place
        found: Place | None = None
        for segment in sorted(self.truncation.segments(self.batch.T), key=lambda s: -s.stop):
            if found is not None and found.t is not None and segment.stop - 1 <= found.t:
                break
            place = self._first(self._backward(segment))
            if place is not None and (found is None or (place.t or 0) > (found.t or 0)):
                found = place
        return found

    def _first(self, values: Iterator[Value]) -> Place | None:
        for value in values:
            place = value.place(self.running[0 if value.t is None else value.t])
            if place is not None:
                return place
        return None

    # -------------------------------------------------------------- forward

    def _forward(self) -> Iterator[Value]:
        batch, steps = self.batch, self.steps
        state = steps.start(batch)
        for t in range(batch.T):
            yield from self._ids(t)
            source = steps.first_source(batch, t)
            path: list[LayerStep] = []
            after = np.empty_like(state)
            for k in range(steps.layers):
                if k:
                    source = steps.next_source(batch, t, k - 1, path[-1])
                step = steps.forward(batch, t, k, source, state[:, k])
                yield from self._layer_values(t, k, step)
                path.append(step)
                after[:, k] = step.states[:, 1]
            state = after
            self.path.append(path)
            y = np.where(self.running[t][:, None], path[-1].states[0, 1], steps.dtype.type(0))
            outputs = read_out(self.readout, y, None, Workspace())
            self.outputs.append(outputs)
            if self.scored[t].any():
                yield Value("forward", t, None, "readout", np.where(self.scored[t][:, None], outputs, 0))

    def _ids(self, t: int) -> Iterator[Value]:
        """Token ids outside the vocabulary."""
        ids = self.batch.inputs[t]
        if ids.dtype.kind in "iu":
            size = getattr(self.model, "vocab_size", self.model.layers.input_size)
            yield Value("forward", t, 0, "input", ids, (ids < 0) | (ids >= size), beyond=True)

    def _layer_values(self, t: int, k: int, step: LayerStep) -> Iterator[Value]:
        cell, G, P = self.steps.cell, self.steps.G, self.steps.P

        def value(operation: str, values: Array) -> Value:
            return Value("forward", t, k, operation, values)

        first = t == 0
        for s, name in enumerate(cell.states):
            yield value(f"initial state {name}" if first else f"state {name} before", step.states[s, 0])
        read = vectors_read(step.source)
        if read is not None:
            embedded = "embedding.weight" in self.model.params
            yield value("input" if k or not embedded else "embedding", read)
        yield value("input projection", step.projected)
        yield value("recurrent projection", step.returning)
        bias = self.steps.units[k].reshape(-1, self.steps.H)
        for g, gate in enumerate(cell.gates):
            if g < G - P:
                yield value(
                    f"pre-activation of gate {gate}", step.projected[:, g] + step.returning[:, g] + bias[g]
                )
            else:
                yield value(f"input half of gate {gate}", step.projected[:, g] + bias[g])
                yield value(f"recurrent half of gate {gate}", step.returning[:, g] + bias[g + P])
        for g, gate in enumerate(cell.gates):
            yield value(f"gate {gate}", step.kept[0, :, g])
        for g in range(G - P, G):
            yield value(f"gate {cell.gates[g]}", step.recurrent[0, :, g])
        for s in reversed(range(len(cell.states))):  # h is made of the others
            yield value(f"state {cell.states[s]}", step.states[s, 1])

    # -------------------------------------------------------------- loss

    def _wanted_everywhere(self) -> Array:
        """Targets with their T, also where each sequence has only one."""
        return (
            np.repeat(self.targets[None], self.batch.T, axis=0) if self.model.at == "last" else self.targets
        )

    def _losses(self) -> Iterator[Value]:
        wanted = self._wanted_everywhere()
        if self.count == 0:
            yield Value("loss", None, None, "loss", np.array([np.nan]))
        total, self.doutputs = 0.0, [np.zeros_like(outputs) for outputs in self.outputs]
        for t in range(self.batch.T):
            rows = np.flatnonzero(self.scored[t])
            if not rows.size:
                continue
            found = wanted[t]
            yield Value("loss", t, None, "target", found, self._wrong(found, self.scored[t]))
            each = np.zeros(self.batch.B)
            for b in rows:
                outputs = self.outputs[t][b : b + 1].copy()
                each[b], _ = losses[self.model.loss](
                    outputs, np.ascontiguousarray(found[b : b + 1]), self.scale
                )
                self.doutputs[t][b] = outputs[0]
            yield Value("loss", t, None, "loss", each)
            total += float(each.sum())
        self.loss = total * self.scale

    def _wrong(self, targets: Array, scored: Array) -> Array:
        """Which of one step's targets the loss cannot take."""
        wrong: Array
        if self.model.loss == "softmax":
            wrong = ((targets < 0) | (targets >= self.model.output_size)) & (targets != IGNORED)
        elif self.model.loss == "logistic":
            wrong = ~((targets >= 0) & (targets <= 1)) & (targets != IGNORED)
        else:
            wrong = ~np.isfinite(targets)
        return wrong & scored.reshape(scored.shape + (1,) * (targets.ndim - 1))

    # -------------------------------------------------------------- backward

    def _backward(self, segment: Segment) -> Iterator[Value]:
        batch, steps = self.batch, self.steps
        dstate = np.zeros((steps.S, steps.layers, batch.B, steps.H), steps.dtype)
        for t in range(segment.stop - 1, segment.start - 1, -1):
            above = np.zeros((batch.B, steps.H), steps.dtype)
            if t >= segment.scored and self.scored[t].any():
                yield from self._readout_values(t)
                above = self.doutputs[t] @ self.readout["readout.weight"]
                yield Value("backward", t, None, "readout gradient", above)
            crossing = np.empty_like(dstate)
            for k in reversed(range(steps.layers)):
                step = self.path[t][k]
                back = steps.backward(batch, t, k, step, above, dstate[:, k])
                self._note(t, k, back)
                yield from self._delta_values(t, k, back)
                if t > segment.start:  # before that, nothing is learned from it
                    yield from self._crossing_values(t, k, back)
                crossing[:, k] = back.dstate
                yield from self._weight_values(t, k, step, back)
                if k:
                    above = steps.above(batch, t, k, back)
                    yield Value("backward", t, k - 1, "dE/dh from the layer above", above)
            dstate = crossing

    def _readout_values(self, t: int) -> Iterator[Value]:
        d, h = self.doutputs[t], self.path[t][-1].states[0, 1]
        yield Value("backward", t, None, "loss gradient", d)
        tied = "readout.weight" not in self.grads
        total = self.grads["embedding.weight" if tied else "readout.weight"]
        total += d.T @ np.where(self.running[t][:, None], h, h.dtype.type(0))
        yield Value("backward", t, None, "gradient of readout.weight", total, whose=most(d) * most(h))
        if "readout.bias" in self.grads:
            self.grads["readout.bias"] += d.sum(axis=0)
            yield Value(
                "backward", t, None, "gradient of readout.bias", self.grads["readout.bias"], whose=most(d)
            )

    def _delta_values(self, t: int, k: int, back: LayerBack) -> Iterator[Value]:
        for g, gate in enumerate(self.steps.cell.gates):
            yield Value("backward", t, k, f"delta (dE/da) of gate {gate}", back.da[:, g])
            if g >= self.steps.G - self.steps.P:
                yield Value("backward", t, k, f"delta (dE/da) of gate {gate}, recurrent half", back.dr[:, g])

    def _crossing_values(self, t: int, k: int, back: LayerBack) -> Iterator[Value]:
        for s, name in enumerate(self.steps.cell.states[1:], start=1):
            yield Value("backward", t, k, f"dE/d{name} of the step before", back.dstate[s])
        yield Value("backward", t, k, "dE/dh through weight_hh", back.dh)
        yield Value("backward", t, k, f"dE/d{self.steps.cell.states[0]} of the step before", back.dstate[0])

    def _weight_values(self, t: int, k: int, step: LayerStep, back: LayerBack) -> Iterator[Value]:
        """The sums of the gradients so far, with this step's part."""
        B, grads = self.batch.B, self.grads
        da, dr, entered = back.da.reshape(B, -1), back.dr.reshape(B, -1), step.states[0, 0]

        def value(parameter: str, share: Array) -> Value:
            name = f"rnn.{parameter}_l{k}"
            return Value("backward", t, k, f"gradient of {parameter}", grads[name], whose=share)

        grads[f"rnn.weight_hh_l{k}"] += dr.T @ entered
        yield value("weight_hh", most(dr) * most(entered))
        weight = self.steps.params[f"rnn.weight_ih_l{k}"]
        wanted = k == 0 and self.model._wants_dinput()
        dweight, dinput = step.source.differentiate(da, weight, self.steps.workspace, wanted)
        grads[f"rnn.weight_ih_l{k}"] += dweight
        read = vectors_read(step.source)
        yield value("weight_ih", most(da) * (1 if read is None else most(read)))
        bias = f"rnn.bias_ih_l{k}" in grads
        for name, gradient in split_units(self.steps.cell, back.dunit, k, bias).items():
            grads[f"rnn.{name}"] += gradient
        if bias:
            yield value("bias_ih", most(da))
            yield value("bias_hh", most(dr))
        for name in self.steps.cell.parameters:
            yield value(name, most(da))
        if wanted and dinput is not None:
            grads["embedding.weight"] += dinput
            total = grads["embedding.weight"]
            yield Value("backward", t, k, "gradient of embedding.weight", total, whose=most(da))

    def _note(self, t: int, k: int, back: LayerBack) -> None:
        """Remember the greatest delta."""
        b = int(np.argmax(most(back.da)))
        value = float(most(back.da)[b])
        if np.isfinite(value) and (self.largest is None or value > self.largest.value):
            self.largest = Place("backward", "delta (dE/da)", t, b, k, value)
