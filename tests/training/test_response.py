"""Updates that go wrong while `fit` runs: found, kept, and answered."""

import json

import numpy as np
import pytest
from tests.cells.samples import linear
from tests.training.conftest import TEXT

import throughtime as tt
from throughtime.optim.structured import as_array
from throughtime.storage import load_sealed
from throughtime.training.events import Checkpointed, IncidentMet, Step
from throughtime.training.incidents import incidents, replay_incident

TOKENIZER = tt.Tokenizer.train(TEXT)


def model_of(**settings):
    return tt.LanguageModel(TOKENIZER.vocab_size, 8, **{"cell": "gru", "seed": 0, **settings})


def fit(model, out=None, **settings):
    events = []
    callbacks = [events.append, *settings.pop("callbacks", [])]
    quick = {"batch_size": 4, "seq_len": 10, "epochs": 4, "eval_every": 10}
    run = tt.fit(model, TEXT, tokenizer=TOKENIZER, out=out, callbacks=callbacks, **{**quick, **settings})
    return run, events


def spoil(model, monkeypatch, when, factor=np.nan):
    """Multiply the gradient of the calls for which `when(number)` holds, counted from 1."""
    original, calls = model.bptt, [0]

    def spoiled(*arguments, **options):
        calls[0] += 1
        result = original(*arguments, **options)
        if when(calls[0]):
            for name, grad in result.grads.items():
                result.grads[name] = as_array(grad) * grad.dtype.type(factor)
        return result

    monkeypatch.setattr(model, "bptt", spoiled)


def met(events):
    return [event for event in events if isinstance(event, IncidentMet)]


def test_a_learning_rate_a_thousand_times_too_high_is_found_to_be_the_cause(tmp_path):
    def model():
        return model_of(cell="rnn", nonlinearity="relu")

    fine, _ = fit(model(), optimizer=tt.SGD(0.5))
    assert fine.finished.val_loss < 2.5
    with pytest.raises(tt.DivergedError, match="Cause, learning rate") as caught:
        fit(model(), tmp_path / "run", optimizer=tt.SGD(500.0), val_fraction=0.1)
    (path,) = incidents(tmp_path / "run")
    assert f"throughtime replay {tmp_path / 'run'} {path.stem}" in str(caught.value)
    assert replay_incident(tmp_path / "run", path.stem).cause == "learning rate"


def test_an_infinite_weight_is_found(tmp_path):
    model = model_of(num_layers=2)
    model.params["rnn.weight_hh_l1"][3, 2] = np.inf
    with pytest.raises(tt.DivergedError, match=r"step 1: .* Cause, bad parameters: .*weight_hh_l1"):
        fit(model, tmp_path / "run")


def test_an_exploding_linear_cell_is_found(tmp_path):
    model = model_of(cell=linear)
    model.params["rnn.weight_hh_l0"] *= 12
    with pytest.raises(tt.DivergedError, match="Cause, explosion: "):
        fit(model, tmp_path / "run", seq_len=50, reduction="sum")
    (path,) = incidents(tmp_path / "run")
    fault = replay_incident(tmp_path / "run", path, cell=linear)
    assert fault.cause == "explosion"
    assert fault.growth.per_step > 2


def test_skip_leaves_an_update_out_and_goes_on(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number == 5)
    before = {}

    def look(event):
        if isinstance(event, Step) and event.step == 4:
            before.update({name: array.copy() for name, array in model.params.items()})
        if isinstance(event, IncidentMet):
            assert all(np.array_equal(array, before[name]) for name, array in model.params.items())

    run, events = fit(model, tmp_path / "run", on_incident="skip", callbacks=[look])
    (incident,) = met(events)
    assert (incident.step, incident.action, incident.path.name) == (5, "skip", "step-00000005.safetensors")
    made = [event.step for event in events if isinstance(event, Step)]
    assert made == [step for step in range(1, run.finished.steps + 1) if step != 5]
    records = [record for record in run.history if "incident" in record]
    assert [(record["step"], record["action"]) for record in records] == [(5, "skip")]
    assert run.finished.val_loss < 2.9


def test_skip_gives_up_where_nothing_else_happens(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number >= 5)
    with pytest.raises(tt.DivergedError, match=r"step 15: .* after 10 updates in a row were left out"):
        fit(model, tmp_path / "run", on_incident="skip")


def test_rollback_goes_back_to_the_last_checkpoint_with_half_the_rate(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number == 17)
    run, events = fit(model, tmp_path / "run", on_incident="rollback", optimizer=tt.Adam(0.02))
    (incident,) = met(events)
    assert (incident.step, incident.action) == (17, "rollback")
    rates = [(event.step, event.lr) for event in events if isinstance(event, Step)]
    # Sixteen updates; then again from the checkpoint of the tenth.
    assert rates[:18] == [*((n, 0.02) for n in range(1, 17)), (11, 0.01), (12, 0.01)]
    steps = [record["step"] for record in run.history if "loss" in record]
    assert steps == list(range(1, run.finished.steps + 1))
    assert run.finished.val_loss < 2.5


def test_rollback_gives_up_after_a_few_times(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number > 12)
    events = []
    with pytest.raises(
        tt.DivergedError, match=r"step 11: .* after going back 5 times, from a learning rate of"
    ):
        fit(model, tmp_path / "run", on_incident="rollback", callbacks=[events.append])
    actions = [event.action for event in met(events)]
    assert actions == [*["rollback"] * 5, "stop"]
    assert met(events)[0].step == 13


def test_rollback_does_not_trust_a_checkpoint_just_before_the_trouble(tmp_path):
    # Written after each update: the newest holds the weights that a rate far too high has ruined.
    model = model_of(cell="rnn", nonlinearity="relu")
    run, events = fit(
        model, tmp_path / "run", optimizer=tt.SGD(160.0), on_incident="rollback", checkpoint_every=1
    )
    lines = [event.line for event in met(events)]
    assert lines
    assert all("Cause, learning rate" in line for line in lines)
    assert np.isfinite(run.finished.val_loss)


def test_rollback_needs_a_second_checkpoint(tmp_path):
    with pytest.raises(tt.ArgumentError, match="keep_checkpoints=1 found with on_incident='rollback'"):
        fit(model_of(), tmp_path / "run", on_incident="rollback", keep_checkpoints=1)


def test_a_rate_is_not_halved_because_nothing_was_learned(monkeypatch):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number in (5, 6))
    run, _ = fit(
        model,
        on_incident="skip",
        val_fraction=0,
        eval_every=2,
        max_steps=8,
        optimizer=tt.SGD(0.1),
        schedule=tt.schedule_from_spec("halve"),
    )
    assert {record["lr"] for record in run.history if "loss" in record} == {0.1}


def test_an_incident_is_told_even_if_every_checkpoint_is_damaged(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number == 15)

    def damage(event):
        if isinstance(event, Step) and event.step == 14:
            for file in (tmp_path / "run" / "checkpoints").iterdir():
                file.write_bytes(b"")

    with pytest.raises(tt.DivergedError, match="training diverged at step 15"):
        fit(model, tmp_path / "run", callbacks=[damage])


def test_rollback_needs_a_directory():
    with pytest.raises(tt.ArgumentError, match="on_incident='rollback' found without out"):
        fit(model_of(), on_incident="rollback")


def test_a_run_that_rolled_back_can_be_taken_up_again(monkeypatch, tmp_path):
    class Crash(Exception):
        pass

    def crash_at(step):
        def callback(event):
            if isinstance(event, Step) and event.step == step:
                raise Crash

        return callback

    def model():
        made = model_of()
        original = made.bptt

        def fragile(*arguments, **options):
            # At the full learning rate the thirteenth update always goes wrong.
            result = original(*arguments, **options)
            if optimizer.lr > 0.015 and training[-1:] == [12]:
                result.grads["readout.bias"][0] = np.inf
            return result

        made.bptt = fragile
        return made

    def note(event):
        if isinstance(event, Step | Checkpointed):
            training.append(event.step)

    def run(out, crash=None, resume=False):
        callbacks = [note] if crash is None else [note, crash_at(crash)]
        return fit(
            model(), out, on_incident="rollback", optimizer=optimizer, callbacks=callbacks, resume=resume
        )[0]

    training, optimizer = [], tt.Adam(0.02)
    whole = run(tmp_path / "whole")
    for crash in (11, 15):
        training, optimizer = [], tt.Adam(0.02)
        with pytest.raises(Crash):
            run(tmp_path / "run", crash, resume=crash != 11)
    training, optimizer = [], tt.Adam(0.02)
    again = run(tmp_path / "run", resume=True)
    files = [(out / "model.safetensors").read_bytes() for out in (tmp_path / "whole", tmp_path / "run")]
    assert files[0] == files[1]
    assert again.finished.val_loss == whole.finished.val_loss
    rates = [record["lr"] for record in again.history if "loss" in record]
    assert (rates[9], rates[-1]) == (0.02, 0.01)


@pytest.mark.parametrize("clip", [None, tt.ClipNorm(1.0), tt.ClipValue(0.01)])
def test_a_jump_is_recorded_and_training_goes_on(monkeypatch, tmp_path, clip):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number == 30, factor=1e5)
    run, events = fit(model, tmp_path / "run", clip=clip)
    (incident,) = met(events)
    assert (incident.step, incident.action) == (30, "recorded")
    assert incident.line.startswith("step 30 went wrong: the gradient's norm is ")
    made = [event.step for event in events if isinstance(event, Step)]
    assert made == list(range(1, run.finished.steps + 1))


@pytest.mark.parametrize("clip", [None, tt.ClipValue(0.01)])
def test_a_jump_is_left_out_where_that_is_wanted_and_nothing_bounds_it(monkeypatch, tmp_path, clip):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number == 30, factor=1e5)
    _, events = fit(model, tmp_path / "run", clip=clip, on_incident="skip")
    assert [(event.step, event.action) for event in met(events)] == [(30, "recorded" if clip else "skip")]


def test_many_jumps_are_not_all_examined(monkeypatch, tmp_path):
    model = model_of()
    spoil(model, monkeypatch, lambda number: number > 25 and number % 2 == 0, factor=1e5)
    run, events = fit(model, tmp_path / "run", on_incident="skip", epochs=5)
    assert len(incidents(tmp_path / "run")) == 20
    assert len(met(events)) == (run.finished.steps - 24) // 2 > 20
    assert met(events)[-1].path is None


def test_an_evaluation_that_finds_bad_weights_rolls_back(monkeypatch, tmp_path):
    model = model_of()
    hit = []

    def ruin(event):
        if isinstance(event, Step) and event.step == 20 and not hit:
            hit.append(event)
            model.params["readout.bias"][0] = np.nan

    run, events = fit(model, tmp_path / "run", on_incident="rollback", callbacks=[ruin])
    assert [(event.step, event.action) for event in met(events)] == [(20, "rollback")]
    assert np.isfinite(run.finished.val_loss)
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == run.finished.steps


def test_an_incident_with_dropout_is_replayed_with_the_same_masks(monkeypatch, tmp_path):
    model = model_of(num_layers=2, dropout=0.5)
    spoil(model, monkeypatch, lambda number: number == 30, factor=1e5)
    _, events = fit(model, tmp_path / "run", clip=tt.ClipNorm(1.0))
    (incident,) = met(events)
    _, about = load_sealed(incident.path)
    steps = [event for event in events if isinstance(event, Step) and event.step == 30]
    assert about["fault"]["loss"] == pytest.approx(steps[0].loss, rel=1e-5)
    assert replay_incident(tmp_path / "run", 30).loss == about["fault"]["loss"]
