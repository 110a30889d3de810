"""How far the gradient flows back in time, measured on a little of the training text now and then.

A probe only reads: the model's weights, and a text of its own choosing. So a run is the same with probes and without.
"""

import numpy as np

from throughtime.data.sentence_batches import SentenceBatches
from throughtime.data.streams import StreamBatches
from throughtime.flow.profile import GradientFlow, gradient_flow
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.language_model import LanguageModel
from throughtime.training.adapting import Adapting
from throughtime.training.plan import Plan
from throughtime.truncation import Auto, Chunk, Window

# So many output steps of so many sequences are gone back from.
ORIGINS, SEQUENCES = 8, 8
_LEAST_LAGS = 100
_STREAM = 0x70726F6265  # sets its generator apart from any other that is made from the run's seed


class Probe:
    """Measures one run's model.

    Parameters
    ----------
    model : LanguageModel
    train : StreamBatches or SentenceBatches
        What it learns from.
    plan : Plan

    Attributes
    ----------
    max_lag : int
        The last lag: twice as far as the truncation reaches, at least 100, as far as the text goes.
    steps, sequences : int
        The size of what a probe reads; by sentence its longest.
    """

    def __init__(self, model: LanguageModel, train: StreamBatches | SentenceBatches, plan: Plan) -> None:
        self._model, self._train, self._seed = model, train, plan.seed
        wanted = max(_LEAST_LAGS, _reach(train, plan))
        longest = len(train.ids) - 1 if isinstance(train, StreamBatches) else train.longest
        self.steps = min(wanted + ORIGINS, longest)
        # In a stretch all origins have all lags; along a sentence they lie wherever it goes.
        most = (
            max(self.steps - ORIGINS, self.steps // 2) if isinstance(train, StreamBatches) else self.steps - 1
        )
        self.max_lag = min(wanted, most)
        self.sequences = min(plan.batch_size, SEQUENCES)
        self._workspace = Workspace()

    def measure(self, step: int) -> GradientFlow | None:
        """What is found after `step` updates; None where a gradient is not a number."""
        rng = np.random.default_rng([self._seed, _STREAM, step])
        train = self._train
        if isinstance(train, StreamBatches):
            flow = self._of_stretches(train, rng)
        else:
            flow = self._of_sentences(train, rng)
        first = np.isfinite(flow.norms["h"][-1, 0])
        return flow if first and not np.isnan(flow.norms["h"][:, flow.origins > 0]).any() else None

    def _of_stretches(self, train: StreamBatches, rng: np.random.Generator) -> GradientFlow:
        """Stretches of the text that begin anywhere, each from a zero state; origins where all lags exist."""
        T = self.steps
        first = rng.integers(0, len(train.ids) - T, self.sequences)
        ids = train.ids[first + np.arange(T + 1)[:, None]].astype(np.int32)
        return self._flow(ids[:-1], ids[1:], min(ORIGINS, T - self.max_lag), None)

    def _of_sentences(self, train: SentenceBatches, rng: np.random.Generator) -> GradientFlow:
        """The sentences around some tokens, from their starts; origins all along the longest."""
        batch = train.batch(train.around(rng, self.sequences))
        T = min(len(batch.inputs), self.steps)
        assert batch.lengths is not None
        origins = np.linspace(0, T - 1, ORIGINS + 1)[1:].round().astype(np.int64)
        return self._flow(batch.inputs[:T], batch.targets[:T], origins, np.minimum(batch.lengths, T))

    def _flow(
        self, inputs: Array, targets: Array, origins: int | Array, lengths: Array | None
    ) -> GradientFlow:
        return gradient_flow(
            self._model, inputs, targets, self.max_lag, origins, lengths=lengths, workspace=self._workspace
        )


def _reach(train: StreamBatches | SentenceBatches, plan: Plan) -> int:
    """Twice as many lags as the truncation reaches over."""
    match plan.truncation:
        case Window(k):
            return 2 * k
        case Chunk(_, k2):
            return 2 * k2
        case Auto() if plan.seq_len:
            return Adapting(plan.truncation, plan.seq_len).longest
    if isinstance(train, StreamBatches):
        return 2 * train.seq_len
    return 2 * (train.tokens // len(train.sentences))  # the longest one's length may be anything
