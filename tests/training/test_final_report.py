"""The report that training leaves: of what it has measured, also where it was taken up, went back, or diverged."""

import json

import pytest
from tests.training.conftest import TEXT

import throughtime as tt
from throughtime.training.diagnosis import diagnose, training_facts
from throughtime.training.events import Noticed, Step

TOKENIZER = tt.Tokenizer.train(TEXT)
NOBODY = "Nobody has looked yet"


def fit(out, model=None, **settings):
    model = model or tt.LanguageModel(TOKENIZER.vocab_size, 8, cell="rnn", seed=3)
    quick = {
        "optimizer": tt.Adam(0.01),
        "batch_size": 4,
        "seq_len": 60,
        "max_steps": 8,
        "eval_every": 3,
        "flow_every": 3,
    }
    return tt.fit(model, TEXT, tokenizer=TOKENIZER, out=out, **{**quick, **settings})


def page(out):
    return (out / "report.html").read_text(encoding="utf-8")


def crash_at(step):
    def callback(event):
        if isinstance(event, Step) and event.step == step:
            raise RuntimeError("power cut")

    return callback


def test_a_finished_run_that_is_taken_up_keeps_its_report(tmp_path):
    out = tmp_path / "run"
    fit(out)
    before = page(out)
    assert "Vanishing" in before
    tt.resume(out, TEXT)
    assert page(out) == before
    (out / "report.html").unlink()
    tt.resume(out, TEXT)
    assert "Vanishing" in page(out)


def test_a_run_that_is_taken_up_after_its_last_probe_is_looked_at_all_the_same(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(RuntimeError):
        fit(out, callbacks=crash_at(8), checkpoint_every=1, flow_every=7)
    run = tt.resume(out, TEXT)
    assert run.finished.resumed_step == 7
    assert [record["step"] for record in run.flow_history] == [0, 7]
    assert NOBODY not in page(out)


def test_a_run_without_probes_has_a_report_that_says_so(tmp_path):
    fit(tmp_path / "run", flow_every=0)
    assert "was not measured" in page(tmp_path / "run")


def test_a_damaged_record_keeps_the_report_from_being_written_and_nothing_else(tmp_path):
    out, told = tmp_path / "run", []
    with pytest.raises(RuntimeError):
        fit(out, callbacks=crash_at(5), checkpoint_every=1)
    lines = (out / "flow.jsonl").read_text().splitlines()
    (out / "flow.jsonl").write_text("\n".join(["{}", *lines[1:]]).ljust(sum(map(len, lines)) + 9) + "\n")
    run = tt.resume(out, TEXT, callbacks=told.append)
    assert run.finished.steps == 8
    (notice,) = [event.line for event in told if isinstance(event, Noticed)]
    assert "report.html could not be written" in notice
    assert "is damaged in line 1" in notice
    assert "Write it with" not in notice  # which would end in the same way


@pytest.mark.parametrize("val_fraction", [0.1, 0.0])
def test_a_run_that_diverged_says_so_first(val_fraction, tmp_path):
    out = tmp_path / "run"
    model = tt.LanguageModel(TOKENIZER.vocab_size, 8, cell="rnn", nonlinearity="relu", seed=3)
    with pytest.raises(tt.DivergedError):
        fit(out, model, optimizer=tt.SGD(1e9), max_steps=40, val_fraction=val_fraction)
    run = tt.load(out)
    facts = training_facts(run)
    assert facts.diverged.startswith("training diverged at step")
    assert facts.kept_step is None or facts.kept_step < 40
    first, *_ = diagnose(run, TEXT).findings
    assert first.name == "diverged"
    assert "Diverged" in page(out)


def test_training_facts_tell_whose_weights_a_run_has(tmp_path):
    run = fit(tmp_path / "run")
    assert training_facts(run).kept_step == run.finished.best_step
    assert training_facts(tt.load(run.path)).diverged is None
    assert training_facts(fit(tmp_path / "all", val_fraction=0.0)).kept_step == 8
    # What went wrong and was left out is no end.
    metrics = tmp_path / "run" / "metrics.jsonl"
    incident = {"step": 8, "incident": "training diverged", "action": "skip"}
    metrics.write_text(
        metrics.read_text() + json.dumps(incident) + "\n" + '{"step": 8, "stopped": "interrupted"}\n'
    )
    assert training_facts(tt.load(run.path)).diverged is None


def test_a_truncation_of_one_s_own_has_its_report(tmp_path):
    class Mine(tt.Full):
        def __str__(self):
            return "mine"

    told = []
    run = fit(tmp_path / "run", truncation=Mine(), callbacks=told.append)
    assert not [event for event in told if isinstance(event, Noticed)]
    assert "mine" in page(run.path)
    assert diagnose(run, TEXT).training.longest is None


def test_a_user_s_linear_cell_that_fades_has_its_report(tmp_path):
    from tests.cells.samples import linear

    model = tt.LanguageModel(TOKENIZER.vocab_size, 8, cell=linear, seed=0)
    fit(tmp_path / "run", model)
    assert NOBODY not in page(tmp_path / "run")
