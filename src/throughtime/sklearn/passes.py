"""A network over sequences: an epoch of updates, and its outputs."""

import math

import numpy as np

from throughtime.errors import DivergedError
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.layer import State
from throughtime.networks.sequence_model import SequenceModel
from throughtime.optim import Clip, ClipResult, Optimizer, global_norm
from throughtime.sklearn.sequences import Sequences
from throughtime.truncation import Truncation

# Steps of all sequences of a batch together: of 64 units some 60 MB, and far more than calls need to cost nothing.
_AT_ONCE = 1 << 15
# Sequences of a batch: far more than products need to be fast.
_SIDE_BY_SIDE = 1 << 10


class Updates:
    """What an update needs beside its batch.

    Parameters
    ----------
    model : SequenceModel
        Changed by each update, and so are the optimizer's and the clip's states.
    """

    def __init__(
        self,
        model: SequenceModel,
        optimizer: Optimizer,
        clip: Clip | None,
        truncation: Truncation,
        threads: int,
    ) -> None:
        self.model, self.optimizer, self.clip = model, optimizer, clip
        self.truncation, self.threads = truncation, threads
        self._workspace = Workspace()

    def epoch(
        self, sequences: Sequences, targets: Array, batch_size: int, random: np.random.RandomState | None
    ) -> float:
        """One update for each batch of similar lengths; returns the mean loss over all targets.

        Parameters
        ----------
        targets : array
            Rows, one for each sequence or each step, as the model's `at` says.
        random : numpy.random.RandomState or None
            None for no shuffling.

        Raises
        ------
        DivergedError
            A loss or a gradient is not finite; the weights are those before.
        """
        total, count = 0.0, 0
        with computing(), np.errstate(over="ignore", invalid="ignore"):  # what overflows is found below
            for chosen in sequences.batches(batch_size, random):
                loss, n = self._learn(sequences, targets, chosen)
                total, count = total + loss * n, count + n
        return total / count

    def _learn(self, sequences: Sequences, targets: Array, chosen: Array) -> tuple[float, int]:
        rows, lengths = sequences.side_by_side(chosen)
        result = self.model.bptt(
            sequences.steps[rows],
            targets[chosen if self.model.at == "last" else rows],
            truncation=self.truncation,
            workspace=self._workspace,
            lengths=lengths,
            training=True,
            threads=self.threads,
        )
        norm = self._clip(result.grads).norm
        if not math.isfinite(result.loss) or not math.isfinite(norm):
            raise DivergedError(
                f"the loss is {result.loss:g} and its gradient's norm {norm:g}; expected finite numbers. Scale X and y, lower "
                "learning_rate_init, or clip by clip_norm=1."
            )
        self.optimizer.step(self.model.params, result.grads)
        return result.loss, result.targets

    def _clip(self, grads: dict[str, Array]) -> ClipResult:
        return ClipResult(global_norm(grads), False) if self.clip is None else self.clip.apply(grads)


def outputs_of(model: SequenceModel, sequences: Sequences) -> Array:
    """Outputs (R, O): a row for each sequence or each step, as the model's `at` says, in the order of the sequences.

    Sequences of similar lengths go side by side, over some steps at a time, from which the state is carried on: memory
    grows neither with their number nor with their length. Those that have ended drop out.
    """
    outputs = np.empty(
        (len(sequences if model.at == "last" else sequences.steps), model.output_size), model.dtype
    )
    with computing():
        for chosen in sequences.batches(min(_SIDE_BY_SIDE, _AT_ONCE)):
            begin, state = 0, None
            while len(chosen):
                end = begin + _AT_ONCE // len(chosen)
                rows, lengths = sequences.side_by_side(chosen, begin, end)
                found, state = model.forward(sequences.steps[rows], state, lengths=lengths)
                if model.at == "last":
                    outputs[chosen] = found  # until a sequence ends, of the step that is its last so far
                else:
                    real = begin + np.arange(len(rows))[:, None] < sequences.lengths[chosen]
                    outputs[rows[real]] = found[real]
                going_on = sequences.lengths[chosen] > end
                chosen, state, begin = chosen[going_on], _of(state, going_on), end
    return outputs


def _of(state: State, chosen: Array) -> State:
    """The state of some sequences of a batch."""
    return tuple(part[:, chosen] for part in state) if isinstance(state, tuple) else state[:, chosen]
