"""Probes measure what `gradient_flow` measures, and leave no trace in a run's updates."""

import json

import numpy as np
import pytest
from tests.training.conftest import TEXT
from tests.training.test_plan import plan
from tests.training.test_resume import without_pace

import throughtime as tt
from throughtime.training.checkpoint import Checkpoints
from throughtime.training.events import Finished, Probed, Started, Step
from throughtime.training.material import prepare
from throughtime.training.metrics import to_json
from throughtime.training.probe import ORIGINS, SEQUENCES, Probe

TOKENIZER = tt.Tokenizer.train(TEXT)


def model_of(**settings):
    return tt.LanguageModel(TOKENIZER.vocab_size, 8, **{"cell": "lstm", "seed": 3, **settings})


def fit(out=None, model=None, **settings):
    quick = {
        "batch_size": 4,
        "max_steps": 12,
        "eval_every": 5,
        "checkpoint_every": 4,
        "optimizer": tt.Adam(0.02),
    }
    return tt.fit(
        model or model_of(num_layers=2, dropout=0.3),
        TEXT,
        tokenizer=TOKENIZER,
        out=out,
        **{**quick, **settings},
    )


def probe_of(model=None, text=TEXT, **settings):
    settings = plan(**settings)
    train = prepare(text, TOKENIZER, TOKENIZER.vocab_size, settings).train
    return Probe(model or model_of(), train, settings)


def bits(run):
    """What updates are made of, and make."""
    newest, _ = Checkpoints(run.path, 1).newest()
    course = {
        name: value
        for name, value in newest.about["course"].items()
        if name not in {"seconds", "probed", "probe_interval", "horizon", "censored", "half_life"}
    }
    about = {name: newest.about[name] for name in ("schedule", "norms", "random", "kept")}
    arrays = {name: array.tobytes() for name, array in newest.arrays.items()}
    return arrays, about, course, without_pace(run.history), (run.path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_a_run_is_the_same_with_probes_and_without(by, tmp_path):
    runs = [fit(tmp_path / str(every), by=by, flow_every=every) for every in (0, 1, 3, None)]
    assert [len(run.flow_history) for run in runs[:3]] == [0, 13, 5]
    first, *others = map(bits, runs)
    assert all(other == first for other in others)


def test_a_probe_leaves_weights_and_dropout_s_generator_alone():
    model = model_of(num_layers=2, dropout=0.5)
    before = {name: array.tobytes() for name, array in model.params.items()}
    dropout = dict(model.layers.stack.dropout.rng.bit_generator.state)
    assert probe_of(model).measure(3) is not None
    assert {name: array.tobytes() for name, array in model.params.items()} == before
    assert model.layers.stack.dropout.rng.bit_generator.state == dropout


def test_a_probe_is_what_gradient_flow_finds_on_stretches_of_the_training_text():
    model, probe = model_of(), probe_of(batch_size=20, seq_len=60)
    found = probe.measure(5)
    assert (probe.max_lag, probe.steps, probe.sequences) == (120, 128, SEQUENCES)
    ids = probe._train.ids
    first = np.random.default_rng([0, 0x70726F6265, 5]).integers(0, len(ids) - 128, SEQUENCES)
    stretches = np.stack([ids[i : i + 129] for i in first], axis=1).astype(np.int32)
    wanted = tt.gradient_flow(model, stretches[:-1], stretches[1:], 120, np.arange(120, 128))
    assert found.record() == wanted.record()
    # Each lag averages the same origins.
    assert set(found.origins) == {ORIGINS * SEQUENCES}
    assert found.record() != probe.measure(6).record()
    assert found.record() == probe.measure(5).record()


def test_a_probe_by_sentence_is_what_gradient_flow_finds_on_whole_sentences():
    model, probe = model_of(), probe_of(by="sentence", batch_size=3)
    assert (probe.max_lag, probe.sequences) == (probe._train.longest - 1, 3)
    found = probe.measure(5)
    rng = np.random.default_rng([0, 0x70726F6265, 5])
    batch = probe._train.batch(probe._train.around(rng, 3))
    T = len(batch.inputs)
    origins = np.linspace(0, T - 1, 9)[1:].round().astype(int)
    wanted = tt.gradient_flow(
        model, batch.inputs, batch.targets, probe.max_lag, origins, lengths=batch.lengths
    )
    assert found.record() == wanted.record()
    assert found.origins[0] == sum((origins < length).sum() for length in batch.lengths)


@pytest.mark.parametrize(
    ("settings", "max_lag"),
    [
        ({"seq_len": 20}, 100),
        ({"seq_len": 80}, 160),
        ({"truncation": tt.Chunk(20, 90)}, 180),
        ({"truncation": tt.Window(70), "seq_len": 80}, 140),
        ({"truncation": tt.Window(4), "seq_len": 80}, 100),
        ({"truncation": tt.Full(), "seq_len": 80}, 160),
        ({"truncation": tt.Auto(0.1), "seq_len": 30}, 100),
        ({"truncation": tt.Auto(0.1), "seq_len": 70}, 140),
        ({"truncation": tt.Auto(0.1, 150), "seq_len": 30}, 150),
        ({"seq_len": 500}, 842 - ORIGINS),  # as far as the text goes
        ({"truncation": tt.Window(400), "by": "sentence"}, 38),
    ],
)
def test_a_probe_goes_twice_as_far_as_the_truncation_and_100_lags_at_least(settings, max_lag):
    probe = probe_of(batch_size=2, **settings)
    assert probe.max_lag == max_lag
    assert probe.measure(1).lags[-1] == min(max_lag, probe.steps - 1)


@pytest.mark.parametrize("length", [4, 9, 17, 40])
def test_a_probe_of_a_short_text_measures_what_there_is(length):
    probe = probe_of(text=TEXT[:length], batch_size=2, val_fraction=0.0)
    flow = probe.measure(1)
    assert len(flow.lags) == 1 + max(length - 1 - ORIGINS, (length - 1) // 2)
    assert (flow.origins > 0).all()


def test_a_probe_of_broken_weights_finds_nothing():
    model = model_of()
    model.params["readout.weight"][0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        assert probe_of(model).measure(1) is None


def test_a_probe_that_is_no_number_at_a_later_lag_finds_nothing():
    """Unit 0 is off, and all others read it by 3e38: forward that is nothing, back it is too much, and 0 of that no number."""
    model = model_of(cell="rnn", nonlinearity="relu", dtype="float32")
    model.params["rnn.weight_hh_l0"][:, 0] = 3e38
    model.params["rnn.bias_ih_l0"][0] = -50
    probe = probe_of(model)
    ids = np.asarray(probe._train.ids[:61])[:, None]
    flow = tt.gradient_flow(model, ids[:-1], ids[1:], 2)
    assert np.isfinite(flow.norms["h"][0]).tolist() == [True, False, False]
    assert np.isnan(flow.norms["h"][0, 2])
    assert probe.measure(1) is None


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_weights_that_are_broken_are_not_probed_though_the_text_may_not_touch_them(broken, tmp_path):
    events, model = [], model_of()
    unused = next(n for n in range(TOKENIZER.vocab_size) if n not in probe_of(model)._train.ids)

    def spoil(event):
        events.append(event)
        if isinstance(event, Step) and event.step == 3:
            model.params["rnn.weight_ih_l0"][0, unused] = broken

    with pytest.raises(tt.DivergedError, match=r"rnn\.weight_ih_l0 is not finite"):
        fit(tmp_path / "run", model, flow_every=1, eval_every=6, optimizer=tt.SGD(0.1), callbacks=spoil)
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3, 4]
    assert [event.step for event in events if isinstance(event, Probed)] == [0, 1, 2]
    # A probe by itself would not have seen it.
    assert probe_of(model).measure(3) is not None


def test_each_line_of_flow_jsonl_is_what_its_event_told_and_measuring_by_hand_finds(tmp_path):
    events = []
    model, flows = model_of(), []

    # A probe of the weights as they are then, by hand.
    def by_hand(event):
        events.append(event)
        if isinstance(event, Started) or (isinstance(event, Step) and event.step % 3 == 0):
            step = 0 if isinstance(event, Started) else event.step
            flows.append(Probe(model, *_train_and_plan()).measure(step))

    run = fit(tmp_path / "run", model, flow_every=3, callbacks=by_hand)
    told = [event for event in events if isinstance(event, Probed)]
    assert [record["step"] for record in run.flow_history] == [0, 3, 6, 9, 12]
    lines = (tmp_path / "run" / "flow.jsonl").read_text().splitlines()
    assert lines == [
        to_json({"step": event.step, **flow.record()}) for event, flow in zip(told, flows, strict=True)
    ]
    assert tt.load(tmp_path / "run").flow_history == run.flow_history == [json.loads(line) for line in lines]
    # In memory it is the same.
    assert fit(None, model_of(), flow_every=3).flow_history == run.flow_history


def _train_and_plan():
    settings = plan(batch_size=4)
    return prepare(TEXT, TOKENIZER, TOKENIZER.vocab_size, settings).train, settings


def test_the_end_tells_what_the_last_probe_found():
    events = []
    finished = fit(None, flow_every=5, callbacks=events.append).finished
    last = [event for event in events if isinstance(event, Probed)][-1]
    assert last.step == 10  # 12 is too near
    record = finished.record()
    assert (record["horizon"], record["censored"]) == (last.horizon, last.censored)
    assert record["half_life"] == last.half_life
    assert fit(None, flow_every=0).finished.horizon is None


def test_there_is_a_probe_at_the_end_where_the_last_one_lies_half_an_interval_back():
    def probed(**settings):
        return [record["step"] for record in fit(None, **settings).flow_history]

    assert probed(flow_every=8) == [0, 8, 12]
    assert probed(flow_every=24) == [12]  # the run is shorter than an interval: none before the first update
    assert probed(flow_every=25) == []

    def enough(event):
        if isinstance(event, Step) and event.step == 6:
            raise tt.StopTraining("enough")

    assert probed(flow_every=4, callbacks=enough) == [0, 4, 6]


@pytest.mark.parametrize("end", [Finished, Step])
def test_probes_after_a_checkpoint_are_cut_and_made_anew(end, tmp_path):
    class Crash(Exception):
        pass

    def crash(event):
        if isinstance(event, end) and (end is Finished or event.step == 7):
            raise Crash

    whole = fit(tmp_path / "whole", flow_every=2)
    out = tmp_path / "stopped"
    with pytest.raises(Crash):
        fit(out, flow_every=2, callbacks=crash)
    run = fit(out, flow_every=2, resume=True)
    assert (out / "flow.jsonl").read_bytes() == (tmp_path / "whole" / "flow.jsonl").read_bytes()
    assert bits(run) == bits(whole)
    assert run.finished.record() | {"seconds": 0, "tokens_per_second": 0, "run": 0, "resumed_step": 0} == (
        whole.finished.record() | {"seconds": 0, "tokens_per_second": 0, "run": 0}
    )


def test_how_often_is_measured_may_change_where_a_run_goes_on(tmp_path):
    out = tmp_path / "run"
    fit(out, flow_every=2, max_steps=4)
    run = tt.resume(out, TEXT, max_steps=12, flow_every=4)
    assert [record["step"] for record in run.flow_history] == [0, 2, 4, 8, 12]
    whole = fit(tmp_path / "whole", flow_every=0)
    for name, array in bits(whole)[0].items():
        assert name.startswith("kept") or bits(run)[0][name] == array
