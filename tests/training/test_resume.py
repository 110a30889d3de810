"""A run that is stopped and taken up again ends in the same bits as one that never was."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.training.conftest import TEXT

import throughtime as tt
from throughtime.data import read
from throughtime.errors import DamagedError
from throughtime.optim import ClipAuto, schedule_from_spec
from throughtime.storage import load_sealed
from throughtime.training.checkpoint import Checkpoints
from throughtime.training.events import Checkpointed, Noticed, Step

TOKENIZER = tt.Tokenizer.train(TEXT)


def model_of(cell="gru", **settings):
    return tt.LanguageModel(TOKENIZER.vocab_size, 6, cell=cell, seed=3, **settings)


def stop_at(step):
    def callback(event):
        if isinstance(event, Step) and event.step == step:
            raise _Crash

    return callback


class _Crash(Exception):
    """As a power failure: nothing is tidied up."""


def fit(out, model, *, resume=False, callbacks=(), **settings):
    made = {name: value() if callable(value) else value for name, value in settings.items()}
    return tt.fit(
        model,
        TEXT,
        tokenizer=TOKENIZER,
        out=out,
        resume=resume,
        callbacks=callbacks,
        **{"batch_size": 4, "epochs": 20, "max_steps": 30, "eval_every": 7, "checkpoint_every": 5, **made},
    )


def bits(run: Path):
    """All that a run leaves, but for how fast it was."""
    newest, damage = Checkpoints(run, 1).newest()
    assert not damage
    about = {**newest.about, "course": {**newest.about["course"], "seconds": 0}, "metrics": 0}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    arrays = {name: (array.dtype.str, array.tobytes()) for name, array in newest.arrays.items()}
    return arrays, about, without_pace(lines), (run / "model.safetensors").read_bytes()


def without_pace(records):
    """What does not depend on how fast the machine was."""
    return [{name: value for name, value in line.items() if name != "tokens_per_second"} for line in records]


SETTINGS = {
    "lstm chunk adam dropout": ({"cell": "lstm", "num_layers": 2, "dropout": 0.4}, {"optimizer": tt.Adam}),
    "gru two chunks rmsprop": (
        {"embedding_size": 5},
        {"optimizer": tt.RMSprop, "truncation": tt.Chunk(6, 15), "clip": lambda: tt.ClipNorm(0.5)},
    ),
    "rnn window momentum halve": (
        {"cell": "rnn", "bias": False},
        {
            "optimizer": lambda: tt.Momentum(0.1),
            "truncation": tt.Window(4),
            "seq_len": 20,
            "schedule": lambda: schedule_from_spec("halve"),
        },
    ),
    "rnn relu full omega auto clip nesterov": (
        {"cell": "rnn", "nonlinearity": "relu"},
        {
            "optimizer": lambda: tt.Momentum(0.05, nesterov=True),
            "truncation": tt.Full(),
            "omega": 2.0,
            "clip": ClipAuto,
            "seq_len": 15,
        },
    ),
    "lstm sentences adamw cosine": (
        {"cell": "lstm", "embedding_size": 6, "tied": True},
        {
            "optimizer": tt.AdamW,
            "by": "sentence",
            "schedule": lambda: schedule_from_spec("warmup:5,cosine:0.1"),
        },
    ),
    "gru averaged sgd float64 threads": (
        {"dtype": "float64"},
        {"optimizer": lambda: tt.SGD(2.0), "average": 1, "eval_every": 2, "threads": 2},
    ),
    "gru without validation": ({}, {"val_fraction": 0, "optimizer": lambda: tt.Adam(0.02)}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_resume_ends_in_the_same_bits(tmp_path, name):
    of_model, of_fit = SETTINGS[name]
    whole = fit(tmp_path / "whole", model_of(**of_model), **of_fit)
    steps = whole.finished.steps
    assert steps == 30
    out = tmp_path / "stopped"
    with pytest.raises(_Crash):
        fit(out, model_of(**of_model), callbacks=stop_at(8), **of_fit)
    for crash in (13, 14, steps):
        # Another start: nothing of it may matter.
        other = tt.LanguageModel(TOKENIZER.vocab_size, 6, **{"cell": "gru", **of_model}, seed=99)
        with pytest.raises(_Crash):
            fit(out, other, resume=True, callbacks=stop_at(crash), **of_fit)
    run = fit(out, model_of(**of_model), resume=True, **of_fit)
    assert run.finished.resumed_step > 0
    assert bits(out) == bits(tmp_path / "whole")
    assert without_pace(run.history) == without_pace(whole.history)
    for param, array in whole.model.params.items():
        assert np.array_equal(run.model.params[param], array)


def test_resume_knows_its_settings_by_itself(tmp_path):
    of_fit = SETTINGS["gru two chunks rmsprop"][1]
    whole = fit(tmp_path / "whole", model_of(embedding_size=5), **of_fit)
    out = tmp_path / "stopped"
    with pytest.raises(_Crash):
        fit(out, model_of(embedding_size=5), callbacks=stop_at(9), **of_fit)
    run = tt.resume(out, TEXT)
    assert bits(out) == bits(whole.path)
    assert run.config == whole.config


@pytest.mark.parametrize("kind", [np.random.Philox, np.random.MT19937])
def test_resume_knows_the_generator_of_the_model_by_itself(kind, tmp_path):
    def model():
        rng = np.random.Generator(kind(5))
        return tt.LanguageModel(TOKENIZER.vocab_size, 6, cell="gru", num_layers=2, dropout=0.4, seed=rng)

    fit(tmp_path / "whole", model())
    out = tmp_path / "stopped"
    with pytest.raises(_Crash):
        fit(out, model(), callbacks=stop_at(9))
    tt.resume(out, TEXT)
    assert bits(out) == bits(tmp_path / "whole")


def test_resume_can_train_longer(tmp_path):
    out = tmp_path / "run"
    first = fit(out, model_of(), epochs=1)
    events = []
    run = tt.resume(out, TEXT, epochs=2, callbacks=events.append)
    assert run.finished.resumed_step == first.finished.steps
    assert run.finished.steps == 2 * first.finished.steps
    assert run.config["training"]["epochs"] == 2
    assert tt.load(out).config == run.config
    assert run.finished.seconds > first.finished.seconds


@pytest.mark.parametrize("by_callback", [True, False])
def test_a_run_that_was_ended_goes_on_as_if_it_had_not_been(tmp_path, by_callback):
    # At a rate where the validation loss rises now and then, an evaluation more would halve it once more.
    of_model = {"cell": "lstm", "num_layers": 2, "dropout": 0.3}
    of_fit = {
        "optimizer": lambda: tt.Adam(1.0),
        "schedule": lambda: schedule_from_spec("halve"),
        "eval_every": 3,
    }
    whole = fit(tmp_path / "whole", model_of(**of_model), **of_fit)

    def enough(event):
        if isinstance(event, Step) and event.step in (11, 16):
            raise tt.StopTraining("enough")

    out = tmp_path / "run"
    if by_callback:
        fit(out, model_of(**of_model), callbacks=enough, **of_fit)
    else:
        fit(out, model_of(**of_model), **of_fit, max_steps=11)
        fit(out, model_of(**of_model), **of_fit, max_steps=16, resume=True)
    again = fit(out, model_of(**of_model), resume=True, **of_fit)
    rates = [[record["lr"] for record in run.history if "loss" in record] for run in (whole, again)]
    assert rates[0] == rates[1]
    assert len(set(rates[0])) > 2
    arrays = [bits(run.path)[0] for run in (whole, again)]
    assert {k: v for k, v in arrays[0].items() if not k.startswith("kept")} == {
        k: v for k, v in arrays[1].items() if not k.startswith("kept")
    }


def test_resume_does_not_forget_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("THROUGHTIME_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    out = tmp_path / "run"
    settings = {"tokenizer": TOKENIZER, "out": out, "batch_size": 4, "epochs": 3}
    tt.fit(model_of(), read(file), max_steps=2, **settings)
    for steps in (4, 6, 8):
        run = tt.resume(out, max_steps=steps)  # the first from the tokens that were kept
        assert run.finished.steps == steps
        assert run.config["corpus"]["files"] == [str(file)]
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("training", "val_fraction", 0.2), ("training", "seed", 9), ("model", "init", "article")],
)
def test_an_edited_config_is_held_against_the_checkpoint(tmp_path, section, name, value):
    out = tmp_path / "run"
    fit(out, model_of(), epochs=1)
    config = json.loads((out / "config.json").read_text())
    config[section][name] = value
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(tt.RunError, match=rf"was made with {section}\.{name} .*, and config\.json has"):
        tt.resume(out, TEXT)


def test_resume_of_a_finished_run_changes_nothing(tmp_path):
    out = tmp_path / "run"
    fit(out, model_of(), epochs=1)
    before = bits(out)
    run = tt.resume(out, TEXT)
    assert bits(out) == before
    assert run.finished.resumed_step == run.finished.steps


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 5}, "started with batch_size 4, and 5 is found"),
        ({"truncation": tt.Chunk(7)}, "started with truncation 'chunk:50', and 'chunk:7' is found"),
        ({"optimizer": lambda: tt.Adam(0.1)}, "started with optimizer"),
    ],
)
def test_resume_refuses_other_settings(tmp_path, changed, message):
    out = tmp_path / "run"
    fit(out, model_of(), epochs=1)
    with pytest.raises(tt.RunError, match=message):
        fit(out, model_of(), epochs=1, resume=True, **changed)
    with pytest.raises(tt.RunError, match="started with hidden_size 6, and 7 is found"):
        fit(out, tt.LanguageModel(TOKENIZER.vocab_size, 7, cell="gru"), resume=True)
    with pytest.raises(tt.RunError, match="not the text"):
        tt.resume(out, TEXT + TEXT)


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("optimizer", {"name": "mine"}),
        ("optimizer", {"lr": 0.1}),
        ("optimizer", {"name": "adam", "wings": 2}),
        ("optimizer", {"name": "adam", "lr": "x"}),
        ("clip", {"name": ["norm"]}),
        ("clip", {"name": "norm"}),
        ("schedule", "never"),
        ("truncation", "chunk"),
    ],
)
def test_resume_refuses_what_it_cannot_make(name, record, trained, tmp_path):
    copied = shutil.copytree(trained.path, tmp_path / "copy")
    config = json.loads((copied / "config.json").read_text())
    config["training"][name] = record
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        tt.RunError, match=rf"the run's {name} is .*, which throughtime cannot make; expected"
    ) as found:
        tt.resume(copied, TEXT)
    assert "\n" not in str(found.value)


def test_resume_needs_a_run(tmp_path):
    with pytest.raises(tt.RunError, match="does not exist"):
        fit(tmp_path / "none", model_of(), resume=True)
    with pytest.raises(tt.ArgumentError, match="resume=True found without out"):
        fit(None, model_of(), resume=True)


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_used(tmp_path):
    whole = fit(tmp_path / "whole", model_of())
    out = tmp_path / "stopped"
    with pytest.raises(_Crash):
        fit(out, model_of(), callbacks=stop_at(13))
    newest = max((out / "checkpoints").iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    events = []
    run = tt.resume(out, TEXT, callbacks=events.append)
    notices = [event.line for event in events if isinstance(event, Noticed)]
    assert len(notices) == 1
    assert newest.name in notices[0]
    assert "is damaged" in notices[0]
    assert 0 < run.finished.resumed_step < int(newest.stem[5:])
    assert bits(out) == bits(whole.path)


def test_no_whole_checkpoint_is_an_error(tmp_path):
    out = tmp_path / "run"
    fit(out, model_of(), epochs=1)
    for file in (out / "checkpoints").iterdir():
        file.write_bytes(b"nothing")
    with pytest.raises(tt.RunError, match=r"is damaged .* there is no other"):
        tt.resume(out, TEXT)
    shutil.rmtree(out / "checkpoints")
    with pytest.raises(tt.RunError, match="holds no checkpoint"):
        tt.resume(out, TEXT)


def test_the_last_checkpoints_and_the_best_stay(tmp_path):
    events = []
    run = fit(tmp_path / "run", model_of(), epochs=6, keep_checkpoints=2, callbacks=events.append)
    written = [event.step for event in events if isinstance(event, Checkpointed)]
    assert written == sorted(written)
    kept = Checkpoints(tmp_path / "run", 2).steps()
    assert kept == sorted({*written[-2:], run.finished.best_step})
    arrays, about = load_sealed(tmp_path / "run" / "checkpoints" / f"step-{kept[-1]:08}.safetensors")
    assert about["course"]["step"] == run.finished.steps
    assert {name.partition("/")[0] for name in arrays} == {"weights", "optimizer", "state", "kept"}


def test_the_best_checkpoint_stays_wherever_it_falls(tmp_path):
    run = fit(
        tmp_path / "run",
        model_of(),
        eval_every=7,
        checkpoint_every=5,
        keep_checkpoints=1,
        optimizer=lambda: tt.Adam(1.0),
    )
    best = run.finished.best_step
    kept = Checkpoints(tmp_path / "run", 1).steps()
    assert best not in (25, 30)
    assert kept == [best, 30]


def test_a_run_in_use_is_refused(tmp_path):
    out = tmp_path / "run"
    refused = []

    def meddle(event):
        if isinstance(event, Step) and event.step == 3:
            with pytest.raises(tt.RunError, match="is in use by another process"):
                tt.resume(out, TEXT)
            refused.append(event.step)

    fit(out, model_of(), epochs=1, callbacks=meddle)
    assert refused == [3]


def test_damaged_weights_are_refused(tmp_path):
    out = tmp_path / "run"
    fit(out, model_of(), epochs=1)
    content = bytearray((out / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (out / "model.safetensors").write_bytes(content)
    with pytest.raises(DamagedError, match=r"model\.safetensors is damaged"):
        tt.load(out)
