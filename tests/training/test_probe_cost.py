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


def test_what_auto_hears_does_not_depend_on_how_long_training_is_to_be():
    auto = {"truncation": tt.Auto(0.1), "seq_len": 20}
    assert interval(model_of(), steps=1_000_000, **auto) == interval(model_of(), steps=1, **auto) < 2500


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


def test_interval_of_a_small_network_is_that_of_a_count_by_hand():
    """A plain RNN of 50 units over 20 tokens, one-hot, in 4 streams of 1500 steps, 25 an update.

    Each number is of multiplications, or of what is done as often.
    """
    # An update has 25 steps of 4 sequences. Each multiplies 50 x 50 recurrent weights and puts 50 units through tanh, at
    # 40 a unit; each output has 50 x 20 weights. Once forward and twice back.
    step, output = 50 * 50 + 40 * 50, 50 * 20
    learned = 3 * 100 * (step + output)
    # 20 for each parameter that is then moved: inputs' weights, recurrent ones, two biases, the readout's two.
    moved = 20 * (50 * 20 + 50 * 50 + 50 + 50 + 20 * 50 + 20)
    update = learned + moved + 10_000_000
    assert update == 11_742_400
    # A probe runs 4 sequences of 108 steps forward; goes back from 8 steps of each, whose outputs it makes and
    # differentiates; and takes these 32 rows through lags 0 to 100, the units' slopes at 80 each.
    forward, ends = 432 * step, 2 * 32 * output
    back = 101 * (32 * (50 * 50 + 80 * 50) + 2_500_000)
    probe = forward + ends + back
    assert probe == 275_516_000
    # 23.46 updates, to be no more than 3% of all: one in 782.1.
    model = tt.LanguageModel(20, 50, cell="rnn", seed=0)
    found, train = plan(batch_size=4, seq_len=25), StreamBatches(np.arange(6001) % 20, 4, 25)
    assert (len(train), train.tokens) == (60, 6000)
    assert affordable_interval(model, train, found, 1) == 783


def test_interval_of_a_deep_network_is_that_of_a_count_by_hand():
    """An LSTM of two layers of 6, over an embedding of 3 for 10 tokens; 2 streams, 8 new steps after 24 to look back over.

    What is fixed outweighs all else here, so the products are counted apart from it, too.
    """
    model = tt.LanguageModel(10, 6, cell="lstm", num_layers=2, embedding_size=3, seed=0)
    found = plan(batch_size=2, truncation=tt.Chunk(8, 32), threads=2)
    train = StreamBatches(np.arange(161) % 10, 2, 8)
    assert (len(train), train.tokens) == (10, 160)
    # Four gates of six units: the table's 10 rows are projected once, 3 weights a value; both layers have 6 recurrent
    # weights a value, the upper one 6 for the lower layer's output.
    table, step = 10 * 24 * 3, 24 * 6 + 24 * 6 + 24 * 6 + 40 * (24 + 24)
    # 16 new outputs, of 6 x 10 weights each; 16 new steps, and 48 that are run again.
    learned = 3 * (table + 64 * step + 16 * 60)
    lower, upper = 24 * 3 + 24 * 6 + 48, 24 * 6 + 24 * 6 + 48
    moved = 20 * (10 * 3 + lower + upper + 10 * 6 + 10)
    assert update_cost(model, 16, 64) == learned + moved + 10_000_000
    # 108 steps of 2 sequences; 16 rows, and 101 lags of two layers.
    forward, ends = table + 216 * step, 2 * 16 * 60
    back = 101 * (16 * (3 * 24 * 6 + 80 * 48) + 2 * 2_500_000)
    probe = forward + ends + back
    assert probe_cost(model, Probe(model, train, found)) == probe
    # Two threads share an update.
    share = 2 * probe / (learned + moved + 10_000_000)
    assert affordable_interval(model, train, found, 1) == np.ceil(share / 0.03)
