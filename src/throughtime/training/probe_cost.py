"""How often the gradient's flow can be measured at no more than 5% of training, from the number of operations.

The numbers are of multiplications and additions, and of shapes alone: how fast the machine is must not change a run.
"""

import math

from throughtime.data.sentence_batches import SentenceBatches
from throughtime.data.streams import StreamBatches
from throughtime.networks.language_model import LanguageModel
from throughtime.training.plan import Plan
from throughtime.training.probe import ORIGINS, Probe
from throughtime.truncation import Auto

# Less than what is promised: operations are not seconds.
_SHARE = 0.03
# What a step of one unit's gates costs beside the products, forward; and an optimiser's update of one parameter.
_POINTWISE, _UPDATE = 40, 20
# What is not counted one by one, nearly all that a small network costs: the calls of an update, and those of a probe at
# each lag and layer, where rows are measured, too.
_PER_UPDATE, _PER_LAG = 1e7, 2.5e6
# However cheap they are: a line of flow.jsonl each.
_MOST = 400


def affordable_interval(
    model: LanguageModel, train: StreamBatches | SentenceBatches, plan: Plan, steps: int
) -> int:
    """Updates from one probe to the next, so that probes cost at most 5% of training and, but under Auto, are at most 400.

    Parameters
    ----------
    model, train, plan
        What a run trains, on what, how.
    steps : int
        Updates planned.
    """
    rows = train.tokens / len(train)
    share = probe_cost(model, Probe(model, train, plan)) / update_cost(model, rows, rows + _again(plan))
    # Threads share an update, and not a probe.
    # What Auto chooses must not depend on how long training is meant to be.
    few = 1 if isinstance(plan.truncation, Auto) else math.ceil(steps / _MOST)
    return max(math.ceil(share * plan.threads / _SHARE), few, 1)


def update_cost(model: LanguageModel, scored: float, run: float) -> float:
    """Operations of one update that scores and runs so many steps of a sequence: once forward, twice back."""
    V, H = model.vocab_size, model.layers.hidden_size
    E = model.embedding_size or 0
    # A table with fewer rows than there are steps is projected whole.
    embedding = min(run, V) * _gates(model) * H * E
    per_step = _recurrent(model) + _between(model) + _POINTWISE * _pointwise(model)
    return 3 * (embedding + run * per_step + scored * H * V) + _UPDATE * model.num_params + _PER_UPDATE


def probe_cost(model: LanguageModel, probe: Probe) -> float:
    """Operations of one probe, in those of an update: a forward pass, then some rows lag by lag."""
    V, H = model.vocab_size, model.layers.hidden_size
    E = model.embedding_size or 0
    run, rows = probe.steps * probe.sequences, ORIGINS * probe.sequences
    products = _recurrent(model) + _between(model)
    forward = min(run, V) * _gates(model) * H * E + run * (products + _POINTWISE * _pointwise(model))
    a_lag = rows * (products + 2 * _POINTWISE * _pointwise(model)) + _PER_LAG * model.layers.num_layers
    return forward + 2 * rows * H * V + (probe.max_lag + 1) * a_lag


def _again(plan: Plan) -> int:
    """Steps of all sequences that an update runs again."""
    return plan.batch_size * plan.look_back


def _gates(model: LanguageModel) -> int:
    return len(model.layers.cell.gates)


def _pointwise(model: LanguageModel) -> int:
    """Gates of all units of all layers."""
    return model.layers.num_layers * _gates(model) * model.layers.hidden_size


def _recurrent(model: LanguageModel) -> int:
    """Of one step of one sequence: the products with the recurrent weights."""
    return _pointwise(model) * model.layers.hidden_size


def _between(model: LanguageModel) -> int:
    """The same: those with the weights between layers."""
    return (model.layers.num_layers - 1) * _gates(model) * model.layers.hidden_size**2
