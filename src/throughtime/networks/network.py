"""What sequence models and language models compute alike: outputs, losses and gradients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from throughtime.losses import count_targets, losses
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.pool import side_by_side
from throughtime.machine.workspace import Workspace
from throughtime.networks.inputs import Input
from throughtime.networks.layer import State
from throughtime.networks.omega import Terms, add_omega, check_omega
from throughtime.networks.parametrised import Parametrised
from throughtime.networks.readout import BIAS, WEIGHT, differentiate_readout, project, read_out
from throughtime.networks.scored import (
    Scored,
    check_targets,
    last_rows,
    last_rows_that_count,
    reduction_scale,
    require_at,
    rows_that_count,
)
from throughtime.networks.shares import Call, parts
from throughtime.networks.trace import Trace
from throughtime.networks.validation import (
    check_carry,
    check_lengths,
    check_params,
    check_reset,
    require_count,
)
from throughtime.optim.structured import Gradient, add_gradients
from throughtime.truncation import Truncation


@dataclass
class BPTT:
    """What `throughtime.bptt` found.

    Attributes
    ----------
    loss : float
        Reduced as asked: the mean over the targets that count, or the sum.
    grads : dict of str to ndarray
        Of the reduced loss, and of the weighted penalty; names and shapes as the model's `params`. Where it was asked for,
        some are `throughtime.optim.structured.Structured`.
    state : as the layer's
        After the last step, or after `carry` steps.
    targets : int
        How many targets counted.
    omega : float or None
        The penalty without its weight; None where it was not wanted. It is no part of the loss.
    """

    loss: float
    grads: dict[str, Any]
    state: State
    targets: int
    omega: float | None = None


class Network(Parametrised):
    """Recurrent layers with a readout and a loss; `SequenceModel` and `LanguageModel` say what is read."""

    def forward(
        self,
        inputs: Array,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
        at: str | None = None,
    ) -> tuple[Array, State]:
        """Outputs and the last state, without dropout.

        Parameters
        ----------
        inputs, state, reset, lengths
            As `throughtime.bptt` has them.
        at : "every", "last" or None
            None for the model's own.

        Returns
        -------
        outputs : (T, B, O), or (B, O) at the last step
            Before the loss's own nonlinearity: logits for softmax and logistic.
        state : as the layer's

        Raises
        ------
        ShapeError, DtypeError, TokenError, ArgumentError
            An argument does not fit the model, or its parameters were exchanged for others.
        """
        at = self.at if at is None else require_at(at)
        workspace = Workspace()
        with computing():
            call = self._call(inputs, state, reset, lengths)
            T, B = call.source.T, call.source.B
            run = self._run(call, workspace)
            rows = last_rows(T, B, call.lengths) if at == "last" else None
            outputs = read_out(self._readout(), run.y, rows, workspace)
        return outputs.reshape((B, -1) if at == "last" else (T, B, -1)), self.layers.state_out(run.final)

    def step(self, x: Array, state: State | None = None) -> tuple[Array, State]:
        """One step: x (B, I) or ids (B,); returns outputs (B, O) and the state."""
        outputs, state = self.forward(np.asarray(x)[None], state)
        return outputs.reshape(-1, self.output_size), state

    def bptt(
        self,
        inputs: Array,
        targets: Array,
        *,
        truncation: Truncation,
        workspace: Workspace,
        state: State | None = None,
        reduction: str = "mean",
        reset: Array | None = None,
        lengths: Array | None = None,
        training: bool = False,
        carry: int | None = None,
        threads: int = 1,
        omega: float = 0.0,
        structured: bool = False,
    ) -> BPTT:
        """Loss and gradients: `throughtime.bptt` has the arguments.

        With `workspace` of an earlier call, its gradients are overwritten. `structured` leaves gradients as what they
        are made of where that pays (`throughtime.optim.structured`).
        """
        structured = structured and self._may_be_structured()
        with computing():
            call = self._call(inputs, state, reset, lengths, training, structured)
            scored = self._scored(targets, call)
            check_carry(carry, call.source.T, call.lengths)
            omega = check_omega(omega, self.layers.cell, truncation)
            count = count_targets(scored.targets, self.loss)
            scale = reduction_scale(reduction, count)
            shares = self._shares(inputs, call, scored, threads, structured)
            found = side_by_side(
                lambda n: self._learn(
                    *shares[n], scale, truncation, carry, omega > 0, structured, workspace.part(f"share {n}")
                ),
                len(shares),
            )
        total, grads, states = 0.0, found[0].grads, [each.state for each in found]
        terms: dict[str, Terms] = {}
        for n, each in enumerate(found):  # in this order, whichever ended first
            total += each.loss
            for name in grads if n else ():
                grads[name] = add_gradients(grads[name], each.grads[name])
            for name, one in each.omega.items():
                terms[name] = one.joined(terms.get(name))
        return BPTT(
            total * scale,
            {name: grads[name] for name in self.params},
            self.layers.state_out(np.concatenate(states, axis=2)),
            count,
            add_omega(omega, terms, grads) if omega else None,
        )

    def evaluate_loss(
        self,
        inputs: Array,
        targets: Array,
        *,
        workspace: Workspace,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
        threads: int = 1,
    ) -> tuple[float, int, State]:
        """Sum of the losses, number of targets, and the state after the last step; no gradient."""
        with computing():
            call = self._call(inputs, state, reset, lengths)
            scored = self._scored(targets, call)
            shares = self._shares(inputs, call, scored, threads)
            found = side_by_side(
                lambda n: self._evaluate(*shares[n], workspace.part(f"share {n}")), len(shares)
            )
        final = np.concatenate([state for _, state in found], axis=2)
        count = count_targets(scored.targets, self.loss)
        return sum(loss for loss, _ in found), count, self.layers.state_out(final)

    def step_gradients(
        self,
        inputs: Array,
        targets: Array,
        chosen: Array,
        *,
        workspace: Workspace,
        state: State | None = None,
        reset: Array | None = None,
        lengths: Array | None = None,
    ) -> "StepGradients":
        """The gradient of each output step's own loss, undivided, with respect to that step's h in the last layer.

        Parameters
        ----------
        inputs, targets, state, reset, lengths
            As `throughtime.bptt` has them.
        chosen : (T, B) of bool
            Which steps are wanted, of those that have a target.
        workspace : Workspace
            The trace lies in them.
        """
        with computing():
            call = self._call(inputs, state, reset, lengths)
            every = self._scored(targets, call)
            losses_at = np.zeros(chosen.shape, np.bool_)
            losses_at.ravel()[slice(None) if every.rows is None else every.rows] = True
            scored = every.chosen(chosen.ravel())
            run = self._run(call, workspace)
            outputs = read_out(self._readout(), run.y, scored.rows, workspace)
            losses[self.loss](outputs, scored.targets, 1.0)
            assert scored.rows is not None  # as of all that are chosen
            steps, sequences = np.divmod(scored.rows, call.source.B)
            dy = np.matmul(outputs, self._readout()["readout.weight"])
        order = np.lexsort((sequences, steps))
        return StepGradients(
            self._layer_params(), run.trace, steps[order], sequences[order], dy[order], losses_at
        )

    def _learn(
        self,
        call: Call,
        scored: Scored,
        scale: float,
        truncation: Truncation,
        carry: int | None,
        omega: bool,
        structured: bool,
        workspace: Workspace,
    ) -> "_Learnt":
        """Forward and back over one share of a batch."""
        grads: dict[str, Any] = {}
        readout = self._readout()
        run = self._run(call, workspace)
        outputs = project(readout, run.y, scored.rows, workspace)
        bias = readout.get(BIAS)
        if bias is not None:
            grads[BIAS] = np.empty_like(bias)
        loss, _ = losses[self.loss](outputs, scored.targets, scale, bias, grads.get(BIAS))
        grads[WEIGHT], dy = differentiate_readout(readout, outputs, run.y, scored.rows, workspace, structured)
        back = self.layers.stack.backward(
            self._layer_params(),
            run.trace,
            dy.reshape(call.source.T, call.source.B, -1),
            None,
            truncation,
            workspace,
            self._wants_dinput(),
            omega,
            spend=True,
        )
        grads |= {f"rnn.{name}": array for name, array in back.params.items()}
        self._differentiate_input(back.dinput, grads)
        terms = {f"rnn.{name}": one for name, one in back.omega.items()}
        return _Learnt(loss, grads, run.final if carry is None else run.trace.state_after(carry), terms)

    def _evaluate(self, call: Call, scored: Scored, workspace: Workspace) -> tuple[float, Array]:
        """Sum of the losses of one share of a batch, and its last state."""
        run = self._run(call, workspace)
        outputs = read_out(self._readout(), run.y, scored.rows, workspace)
        loss, _ = losses[self.loss](outputs, scored.targets, 1.0)
        return loss, run.final

    def _call(
        self,
        inputs: Array,
        state: State | None,
        reset: Array | None,
        lengths: Array | None,
        training: bool = False,
        structured: bool = False,
    ) -> Call:
        """Arguments and parameters checked, and what dropout leaves out drawn for the whole batch."""
        check_params(self.params, self.shapes, self.dtype)
        source = self._source(inputs, structured)
        T, B = source.T, source.B
        return Call(
            source,
            self.layers.state_in("state", state, B),
            check_reset(reset, T, B),
            check_lengths(lengths, T, B),
            self.layers.stack.masks(T, B, training),
        )

    def _shares(
        self, inputs: Array, call: Call, scored: Scored, threads: int, structured: bool = False
    ) -> list[tuple[Call, Scored]]:
        """A call divided among threads; itself for one."""
        T, B = call.source.T, call.source.B
        if min(require_count("threads", threads), B) == 1:
            return [(call, scored)]
        return [
            (
                call.share(part, self._source(np.asarray(inputs)[:, part], structured)),
                scored.share(part, T, B),
            )
            for part in parts(B, threads)
        ]

    def _run(self, call: Call, workspace: Workspace) -> "_Run":
        """The recurrent layers' part of a forward pass."""
        y, final, trace = self.layers.stack.forward(
            self._layer_params(), call.source, call.state, call.reset, call.lengths, call.masks, workspace
        )
        return _Run(y.reshape(call.source.T * call.source.B, -1), final, trace)

    def _source(self, inputs: Array, structured: bool = False) -> Input:
        return self.layers.source(inputs)

    def _may_be_structured(self) -> bool:
        """Whether each parameter has gradients of one kind."""
        return True

    def _readout(self) -> Mapping[str, Array]:
        """The readout's weight and bias under their own names."""
        return self.params

    def _wants_dinput(self) -> bool:
        return False

    def _differentiate_input(self, dinput: Gradient | None, grads: dict[str, Gradient]) -> None:
        pass

    def _layer_params(self) -> dict[str, Array]:
        return {
            name.removeprefix("rnn."): array for name, array in self.params.items() if name.startswith("rnn.")
        }

    def _scored(self, targets: Array, call: Call) -> Scored:
        T, B = call.source.T, call.source.B
        shape = (T, B) if self.at == "every" else (B,)
        wanted = check_targets(targets, self.loss, shape, self.output_size, self.dtype)
        counting = last_rows_that_count if self.at == "last" else rows_that_count
        return counting(wanted, self.loss, T, B, call.lengths)


class _Run(NamedTuple):
    """What the recurrent layers made of a share of a batch; y is (T*B, H)."""

    y: Array
    final: Array
    trace: Trace


class StepGradients(NamedTuple):
    """Origins in the order of their steps, (R,) each, and dE_t/dh of the last layer at t itself, (R, H).

    params are the recurrent layers' own, by PyTorch's names; trace is their forward pass. losses_at (T, B) of bool are all
    steps with a loss, origins or not. dstate (STATES, num_layers, R, H) is the gradient on other ways than by y, at t itself,
    too; None where there are none.
    """

    params: dict[str, Array]
    trace: Trace
    steps: Array
    sequences: Array
    dy: Array
    losses_at: Array
    dstate: Array | None = None


class _Learnt(NamedTuple):
    """What one share of a batch taught: its losses' sum, gradients by name, the state to carry on, terms of Omega."""

    loss: float
    grads: dict[str, Any]
    state: Array
    omega: dict[str, Terms]
