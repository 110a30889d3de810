"""How often is measured: by the number of operations, at most 5% of those of training."""

import numpy as np
import pytest
from tests.training.test_plan import plan

import throughtime as tt
from throughtime.data.sentence_batches import SentenceBatches
from throughtime.data.streams import StreamBatches
from throughtime.training.probe import Probe
from throughtime.training.probe_cost import affordable_interval, probe_cost, update_cost

IDS = np.random.default_rng(0).integers(0, 20, 6000)


def model_of(hidden_size=32, **settings):
    return tt.LanguageModel(20, hidden_size, **{"cell": "gru", "seed": 0, **settings})


def interval(model, steps=1, **settings):
    settings = plan(**settings)
    return affordable_interval(
        model, StreamBatches(IDS, settings.batch_size, settings.seq_len), settings, steps
    )


@pytest.mark.parametrize("hidden_size", [4, 64, 512])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 1},
        {"seq_len": 200},
        {"truncation": tt.Chunk(10, 300), "batch_size": 4},
        {"truncation": tt.Auto(0.1), "seq_len": 20},
        {"threads": 4},
    ],
)
def test_probes_are_as_many_as_cost_little(cell, hidden_size, settings):
    model, found = model_of(hidden_size, cell=cell), plan(**settings)
    train = StreamBatches(IDS, found.batch_size, found.seq_len)
    every = affordable_interval(model, train, found, 1)
    scored = train.tokens / len(train)
    # An update by several threads takes that much less time, and a probe has one.
    update = update_cost(model, scored, scored + found.batch_size * found.look_back) / found.threads
    share = probe_cost(model, Probe(model, train, found)) / update
    assert share / every <= 0.03
    assert every == 1 or share / (every - 1) > 0.03


def test_an_interval_is_longer_where_a_probe_is_dearer_beside_an_update():
    usual = interval(model_of())
    assert interval(model_of(), batch_size=4) > usual
    assert interval(model_of(), seq_len=10) > usual
    assert interval(model_of(), truncation=tt.Window(48), seq_len=50) <= usual
    assert interval(model_of(), truncation=tt.Chunk(50, 200)) > interval(
        model_of(), truncation=tt.Chunk(50, 60)
    )
    assert interval(model_of(), threads=2) == pytest.approx(2 * usual, abs=1)


def test_no_run_has_more_than_400_probes():
    assert interval(model_of(), steps=1_000_000) == 2500
    assert interval(model_of(), steps=1000) == interval(model_of(), steps=1)


def test_an_interval_by_sentence_goes_by_the_usual_one():
    rng = np.random.default_rng(0)
    some = [rng.integers(3, 20, 19) for _ in range(200)]
    settings = plan(by="sentence", batch_size=8)

    def of(sentences):
        train = SentenceBatches(sentences, 8, 0, start_id=1, end_id=2)
        return affordable_interval(model_of(), train, settings, 1)

    assert of(some) >= 1
    assert of([*some, rng.integers(3, 20, 2000)]) < 8 * of(some)


def test_products_are_counted_as_they_are():
    # One layer of a plain RNN: per step H x H back in time; per scored step H x V; three times, forward and two ways back.
    small, large = (tt.LanguageModel(20, 1000, cell="rnn", seed=0) for _ in range(2))
    once, twice = update_cost(small, 100, 100), update_cost(large, 200, 200)
    assert twice - once == pytest.approx(3 * 100 * (1000 * 1000 + 40 * 1000 + 1000 * 20))
    again = update_cost(small, 100, 200) - once
    assert again == pytest.approx(3 * 100 * (1000 * 1000 + 40 * 1000))
