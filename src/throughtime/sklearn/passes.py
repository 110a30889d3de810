"""A network over sequences: an epoch of updates, and its outputs."""

import math

import numpy as np

from throughtime.errors import DivergedError
from throughtime.machine.arrays import Array
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.sequence_model import SequenceModel
from throughtime.optim import Clip, ClipResult, Optimizer, global_norm
from throughtime.sklearn.sequences import Sequences
from throughtime.truncation import Truncation

# Steps of all sequences of a batch together: of 64 units some 60 MB, and far more than products need to be fast.
_AT_ONCE = 1 << 15


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

    Sequences of similar lengths go side by side, so many at a time that memory does not grow with their number.
    """
    last = model.at == "last"
    outputs = np.empty((len(sequences if last else sequences.steps), model.output_size), model.dtype)
    with computing():
        for chosen in sequences.batches(max(1, _AT_ONCE // int(sequences.lengths.max()))):
            rows, lengths = sequences.side_by_side(chosen)
            found, _ = model.forward(sequences.steps[rows], lengths=lengths)
            if last:
                outputs[chosen] = found
            else:
                real = np.arange(len(rows))[:, None] < sequences.lengths[chosen]
                outputs[rows[real]] = found[real]
    return outputs
