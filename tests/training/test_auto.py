"""`Auto` while training: how far updates look back follows what the probes find."""

import json
import math

import numpy as np
import pytest
from tests.cells.samples import linear
from tests.training.conftest import TEXT
from tests.training.test_resume import bits, without_pace

import throughtime as tt
from throughtime.flow.adaptive import RunningCurve, choose
from throughtime.flow.curve import Curve
from throughtime.training.adapting import Adapting
from throughtime.training.events import IncidentMet, Noticed, Probed, Step
from throughtime.training.incidents import incidents, load_incident, replay_incident

TOKENIZER = tt.Tokenizer.train(TEXT)


def decaying(a):
    """A model whose phi_l is a^l of phi_0: dh_t / dh_{t-l} is the l-th power of the recurrent weights, whatever the text."""
    model = tt.LanguageModel(TOKENIZER.vocab_size, 8, cell=linear, seed=0)
    orthogonal, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    model.params["rnn.weight_hh_l0"][...] = a * orthogonal
    return model


def gru(**settings):
    return tt.LanguageModel(TOKENIZER.vocab_size, 8, **{"cell": "gru", "seed": 3, **settings})


def fit(model, out=None, **settings):
    events = []
    callbacks = [events.append, *settings.pop("callbacks", [])]
    quick = {
        "batch_size": 4,
        "seq_len": 5,
        "max_steps": 30,
        "eval_every": 11,
        "flow_every": 5,
        "val_fraction": 0.05,
    }
    optimizer = settings.pop("optimizer", tt.Adam)
    run = tt.fit(
        model,
        TEXT,
        tokenizer=TOKENIZER,
        out=out,
        callbacks=callbacks,
        optimizer=optimizer(0.02),
        **{**quick, **settings},
    )
    return run, events


def reaches(run):
    return [record["truncation"]["K"] for record in run.flow_history]


def notices(events):
    return [event.line for event in events if isinstance(event, Noticed)]


def seen(model, monkeypatch):
    """The shapes that the model's updates are called with, from now on: steps, and those of them that are scored."""
    original, calls = model.bptt, []

    def watched(inputs, targets, **options):
        calls.append((len(inputs), int((targets != -100).any(axis=1).sum())))
        return original(inputs, targets, **options)

    monkeypatch.setattr(model, "bptt", watched)
    return calls


@pytest.mark.parametrize(
    ("a", "tolerance", "K"), [(0.8, 0.1, 11), (0.9, 0.1, 23), (0.8, 0.01, 20), (0.5, 0.4, 2)]
)
def test_auto_settles_on_the_reach_of_the_formula(a, tolerance, K, monkeypatch):
    # Aicher's bound for phi_l = a^l, at the smallest K that meets it.
    bound = lambda K: a ** (K + 1) / (1 - 2 * a ** (K + 1))  # noqa: E731
    assert bound(K) <= tolerance
    assert not 0 < bound(K - 1) <= tolerance
    model = decaying(a)
    calls = seen(model, monkeypatch)
    run, events = fit(model, truncation=tt.Auto(tolerance), optimizer=lambda lr: tt.SGD(1e-30))
    assert reaches(run) == [K] * len(run.flow_history)
    # Before the first update there is a probe, too.
    assert [record["step"] for record in run.flow_history] == [0, 5, 10, 15, 20, 25, 30]
    for record in run.flow_history:
        told = record["truncation"]
        assert told["finite"]
        assert told["beta"] == pytest.approx(a, rel=1e-4)
        assert told["relative_bias"] == pytest.approx(bound(K), rel=1e-2)
    assert notices(events) == []
    # An epoch begins with the text, so that at first there is not so much to look back over.
    steps_per_epoch = run.config["corpus"]["steps_per_epoch"]
    for n, (steps, scored) in enumerate(calls):
        chunk = n % steps_per_epoch
        assert steps == min(5 * chunk, K) + scored


@pytest.mark.parametrize(("before", "after", "first", "settled"), [(0.9, 0.8, 23, 11), (0.8, 0.9, 11, 23)])
def test_auto_settles_anew_where_the_gradient_s_decay_has_changed(before, after, first, settled, monkeypatch):
    """From 0.9 to 0.8 a lag, or back, in the middle of training: each probe halves what the ones before it said."""
    model = decaying(before)
    calls = seen(model, monkeypatch)

    def change(event):
        if isinstance(event, Step) and event.step == 6:
            model.params["rnn.weight_hh_l0"] *= np.float32(after / before)

    run, _ = fit(
        model,
        truncation=tt.Auto(0.1),
        optimizer=lambda lr: tt.SGD(1e-30),
        flow_every=1,
        max_steps=40,
        callbacks=[change],
    )
    told = reaches(run)
    assert told[:6] == [first] * 6
    assert told[-10:] == [settled] * 10
    # It comes nearer probe by probe, and not at once.
    moving = told[5:-10]
    assert moving == sorted(moving, reverse=first > settled)
    assert len({first, *moving, settled}) > 3
    assert run.flow_history[-1]["truncation"]["beta"] == pytest.approx(after, rel=1e-3)
    # Updates follow: an epoch has grown beyond its start by then.
    per_epoch = run.config["corpus"]["steps_per_epoch"]
    steps, scored = calls[-1]
    assert steps - scored == min(settled, 5 * ((len(calls) - 1) % per_epoch))


@pytest.mark.parametrize("a", [1.0, 1.02])
def test_where_no_reach_will_do_the_longest_is_taken_and_that_is_told_once(a, monkeypatch):
    model = decaying(a)
    calls = seen(model, monkeypatch)
    run, events = fit(model, truncation=tt.Auto(0.1, 30), optimizer=lambda lr: tt.SGD(1e-30))
    assert {*reaches(run)} == {30}
    assert max(calls)[0] == 35
    (line,) = notices(events)  # and not at every probe
    assert line.startswith(
        "step 0: no look-back of up to 30 steps holds the gradient's relative bias within 0.1"
    )
    assert line.endswith("30 is used.")
    for record in run.flow_history:
        told = record["truncation"]
        assert (told["finite"], told["relative_bias"]) == (False, None)
        assert told["beta"] == pytest.approx(a, rel=1e-4)
    json.dumps(run.flow_history, allow_nan=False)


def test_what_no_reach_would_do_is_told_again_only_after_one_did():
    adapting = Adapting(tt.Auto(0.1, 50), 5)
    falls, stays = Curve(0.5 ** np.arange(101)), Curve(np.ones(101))
    told = [adapting.hear(curve) is not None for curve in (stays, stays, falls, falls)]
    assert told == [True, False, False, False]
    assert not adapting.choice.finite
    for _ in range(60):
        adapting.hear(falls)
    assert adapting.choice.finite
    assert adapting.hear(stays) is not None
    assert adapting.hear(stays) is None


@pytest.mark.parametrize(
    ("longest", "seq_len", "most"), [(None, 20, 100), (None, 70, 140), (7, 70, 7), (0, 5, 0)]
)
def test_the_longest_reach_is_auto_s_own_or_twice_an_update_and_100_at_least(longest, seq_len, most):
    adapting = Adapting(tt.Auto(0.1, longest), seq_len)
    assert (adapting.longest, adapting.look_back) == (most, most)


def test_a_choice_is_made_from_the_mean_of_the_probes(tmp_path):
    run, events = fit(gru(), truncation=tt.Auto(0.1))
    mean = RunningCurve()
    for record, event in zip(run.flow_history, [e for e in events if isinstance(e, Probed)], strict=True):
        mean.add(Curve(record["norms"]["h"][-1]))
        chosen = choose(mean.curve, 0.1, 100).record()
        assert record["truncation"] == event.truncation == pytest.approx(chosen, rel=1e-4)
    assert len(set(reaches(run))) > 1


def test_a_reach_that_never_changes_is_a_chunk(tmp_path):
    auto, _ = fit(gru(), tmp_path / "auto", truncation=tt.Auto(1e-12, 9))
    chunk, _ = fit(gru(), tmp_path / "chunk", truncation=tt.Chunk(5, 14), seq_len=None)
    assert {*reaches(auto)} == {9}
    assert bits(auto.path)[0] == bits(chunk.path)[0]
    assert without_pace(auto.history) == without_pace(chunk.history)
    other, _ = fit(gru(), tmp_path / "other", truncation=tt.Chunk(5, 13), seq_len=None)
    assert bits(other.path)[0] != bits(chunk.path)[0]


def test_each_loss_counts_once_while_the_reach_varies_and_goes_as_far_back(monkeypatch):
    model = gru()
    calls = seen(model, monkeypatch)
    run, events = fit(model, truncation=tt.Auto(0.1), epochs=2, max_steps=None, flow_every=1)
    made = [event for event in events if isinstance(event, Step)]
    predictions = run.config["corpus"]["train_predictions"]
    assert made[-1].tokens == 2 * predictions
    assert run.finished.tokens == 2 * predictions
    per_epoch = run.config["corpus"]["steps_per_epoch"]
    assert len(calls) == 2 * per_epoch
    chosen = {record["step"]: record["truncation"]["K"] for record in run.flow_history}
    assert len(set(chosen.values())) > 3
    for n, (steps, scored) in enumerate(calls):
        if n % per_epoch == 0:
            assert steps == scored
            begin = 0
            continue
        # By the choice after the update before the last, but no farther back than a state is known of.
        begin = max(begin, 5 * (n % per_epoch) - chosen[n - 1])
        assert steps - scored == 5 * (n % per_epoch) - begin


def test_auto_learns_the_same_bits_again(tmp_path):
    first, again = (fit(gru(), tmp_path / name, truncation=tt.Auto(0.05))[0] for name in "ab")
    assert bits(first.path) == bits(again.path)
    assert (first.path / "flow.jsonl").read_bytes() == (again.path / "flow.jsonl").read_bytes()
    in_memory, _ = fit(gru(), None, truncation=tt.Auto(0.05))
    assert in_memory.flow_history == first.flow_history


def test_auto_that_rolls_back_forgets_what_it_heard_since_and_learns_the_same_bits_again(tmp_path):
    settings = {"truncation": tt.Auto(0.1), "flow_every": 2, "checkpoint_every": 5, "on_incident": "rollback"}

    def rolled_back(out):
        events = []
        model = gru()
        original, calls = model.bptt, [0]

        def spoiled(*arguments, **options):
            result = original(*arguments, **options)
            calls[0] += 1
            if calls[0] == 14:
                result.grads["readout.bias"][0] = np.nan
            return result

        model.bptt = spoiled
        run, events = fit(model, out, **settings)
        assert [(event.step, event.action) for event in events if isinstance(event, IncidentMet)] == [
            (14, "rollback")
        ]
        return run, events

    (first, events), (again, _) = (rolled_back(tmp_path / name) for name in "ab")
    arrays, about, records, weights = bits(first.path)
    others = bits(again.path)
    assert (arrays, about, weights) == (others[0], others[1], others[3])
    # What is told of the incident names the run's own directory.
    learned = [[line for line in lines if "incident" not in line] for lines in (records, others[2])]
    assert learned[0] == learned[1]
    assert (first.path / "flow.jsonl").read_bytes() == (again.path / "flow.jsonl").read_bytes()
    # From the checkpoint after ten updates on it was measured anew, and nothing is told twice.
    probed = [event.step for event in events if isinstance(event, Probed)]
    assert probed == [0, 2, 4, 6, 8, 10, 12, *range(12, 31, 2)]
    assert [record["step"] for record in first.flow_history] == list(range(0, 31, 2))
    mean = RunningCurve()
    for record in first.flow_history:
        mean.add(Curve(record["norms"]["h"][-1]))
        assert record["truncation"] == pytest.approx(choose(mean.curve, 0.1, 100).record(), rel=1e-4)
    assert len(set(reaches(first))) > 3


@pytest.mark.parametrize("checkpoint_every", [1, 4, 5])
def test_auto_resumes_with_the_same_bits(checkpoint_every, tmp_path):
    class Crash(Exception):
        pass

    def stop_at(step):
        def callback(event):
            if isinstance(event, Step) and event.step == step:
                raise Crash

        return callback

    settings = {"truncation": tt.Auto(0.1), "flow_every": 2, "checkpoint_every": checkpoint_every}
    whole, _ = fit(gru(), tmp_path / "whole", **settings)
    assert len(set(reaches(whole))) > 3
    out = tmp_path / "stopped"
    with pytest.raises(Crash):
        fit(gru(), out, callbacks=[stop_at(7)], **settings)
    for step in (11, 13, 22):
        with pytest.raises(Crash):
            fit(gru(seed=99), out, resume=True, callbacks=[stop_at(step)], **settings)
    run = tt.resume(out, TEXT)
    assert run.finished.resumed_step > 0
    assert bits(out) == bits(whole.path)
    assert run.flow_history == whole.flow_history
    assert without_pace(run.history) == without_pace(whole.history)


def test_a_probe_made_for_the_end_does_not_choose(tmp_path):
    settings = {"truncation": tt.Auto(0.1), "flow_every": 4}
    whole, _ = fit(gru(), tmp_path / "whole", **settings)
    out = tmp_path / "run"
    first, _ = fit(gru(), out, max_steps=10, **settings)
    assert [record["step"] for record in first.flow_history] == [0, 4, 8, 10]
    assert reaches(first)[-1] == reaches(first)[-2]
    run, _ = fit(gru(), out, resume=True, **settings)
    weights = [{n: a for n, a in bits(r.path)[0].items() if not n.startswith("kept")} for r in (run, whole)]
    assert weights[0] == weights[1]
    assert [r for r in run.flow_history if r["step"] != 10] == whole.flow_history


def test_an_update_that_went_wrong_under_auto_can_be_replayed(tmp_path):
    out, model = tmp_path / "run", gru()

    def spoil(event):
        if isinstance(event, Step) and event.step == 10:
            model.params["rnn.weight_hh_l0"][0, 0] = np.nan

    with pytest.raises(tt.DivergedError):
        fit(model, out, truncation=tt.Auto(0.1), callbacks=[spoil])
    (path,) = incidents(out)
    incident, _ = load_incident(path)
    assert incident.step == 11
    assert len(incident.inputs) > 5
    assert replay_incident(out, path.stem).cause == "bad parameters"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"by": "sentence", "seq_len": None},
            r"Auto\(tolerance=0\.1, longest=None\) found with by='sentence'; expected",
        ),
        (
            {"flow_every": 0},
            r"flow_every=0 found with Auto\(tolerance=0\.1, longest=None\); expected at least 1",
        ),
    ],
)
def test_auto_is_refused_where_it_has_no_meaning(settings, message, tmp_path):
    with pytest.raises(tt.ArgumentError, match=message) as caught:
        fit(gru(), tmp_path / "run", truncation=tt.Auto(0.1), **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_auto_cannot_be_measured_otherwise_where_a_run_goes_on(tmp_path):
    fit(gru(), tmp_path / "run", truncation=tt.Auto(0.1), max_steps=4)
    with pytest.raises(tt.RunError, match="was started with flow_every 5, and 3 is found"):
        tt.resume(tmp_path / "run", TEXT, flow_every=3, max_steps=8)


def test_auto_without_a_gradient_waits_at_the_longest():
    adapting = Adapting(tt.Auto(0.1, 12), 5)
    assert adapting.hear(Curve([0.0, 0.0, 0.0])) is None
    assert (adapting.choice, adapting.look_back) == (None, 12)
    adapting.hear(Curve([1.0]))
    assert not adapting.choice.finite
    assert math.isnan(adapting.choice.beta)
