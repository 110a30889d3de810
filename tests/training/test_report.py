"""report.html of a run: written at its end, from its own records, and no reason to lose a run."""

import html
import json
import re

import numpy as np
import pytest
from tests.training.conftest import TEXT, small_model

import throughtime as tt
from throughtime.flow.findings.numbers import percent
from throughtime.training.diagnosis import diagnose, training_facts
from throughtime.training.events import Noticed, Step
from throughtime.training.records import clip_record
from throughtime.training.report import write_report

TOKENIZER = tt.Tokenizer.train(TEXT)


def train(out, **how):
    settings = {"optimizer": tt.Adam(0.01), "batch_size": 4, "seq_len": 10, "max_steps": 12, **how}
    return tt.fit(small_model(TOKENIZER), TEXT * 4, tokenizer=TOKENIZER, out=out, **settings)


def page_of(place):
    return html.unescape((place / "report.html").read_text(encoding="utf-8"))


def facts_of(place):
    """What a page says of the training, by name."""
    return dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", page_of(place)))


def test_a_run_ends_with_its_report(tmp_path):
    run = train(tmp_path / "run", flow_every=3, clip=tt.ClipNorm(0.5))
    page = page_of(run.path)
    last = run.flow_history[-1]
    assert f"{'at least ' if last['censored'] else ''}{last['horizon']} lags" in page
    assert facts_of(run.path) == {
        "Cell": "gru",
        "Size": "1 layer of 12 units",
        "Text": "the text",
        "Training": "12 updates",
        "Truncation": "chunk:10",
        "Optimiser": "adam, learning rate 0.01",
        "Clipping": "of the norm at 0.5",
        "Start of the weights": "default",
        "Measured": "on the training text, with the weights after update 12",
    }
    assert "Learning curve" in page
    # The same page later, but for what was made of the last measurement then.
    assert page_of(write_report(tt.load(run.path), tmp_path / "report.html").parent).count(
        "<svg"
    ) == page.count("<svg")


@pytest.mark.parametrize(
    ("truncation", "most", "every"),
    [(tt.Chunk(10), 9, None), (tt.Chunk(10, 16), 15, 6), (tt.Auto(0.1, 7), None, None)],
)
def test_a_report_says_how_far_training_looks_back_at_most_and_always(truncation, most, every, tmp_path):
    seq_len = 10 if isinstance(truncation, tt.Auto) else None
    run = train(tmp_path / "run", flow_every=3, truncation=truncation, seq_len=seq_len)
    if most is None:
        every = run.flow_history[-1]["truncation"]["K"]
        most = every + 9
    page = page_of(run.path)
    assert f"{most} lags" in page
    assert ("at most: the truncation" in page) is (not every)
    if every:
        assert f"at most; every loss reaches {every} or more" in page


def test_the_findings_are_those_of_the_last_probe(tmp_path):
    model = tt.LanguageModel(TOKENIZER.vocab_size, 8, "rnn", nonlinearity="sigmoid", seed=0)
    tt.fit(
        model, TEXT * 8, tokenizer=TOKENIZER, out=tmp_path / "run", max_steps=12, batch_size=4, flow_every=6
    )
    page = page_of(tmp_path / "run")
    assert "Vanishing" in page
    assert "the sigmoid's slope is at most 1/4" in page


def test_without_probes_a_report_has_the_course_of_training(tmp_path):
    page = page_of(train(tmp_path / "run", flow_every=0).path)
    assert "The gradient's way back was not measured" in page
    assert "Learning curve" in page
    assert "Horizon" not in page.split("The words")[0]


def test_a_run_that_is_taken_up_and_ends_before_its_next_probe_is_judged_all_the_same(tmp_path):
    train(tmp_path / "run", flow_every=12)
    run = tt.resume(tmp_path / "run", TEXT * 4, max_steps=13)
    page = page_of(run.path)
    assert "Nobody has looked yet" not in page
    assert facts_of(run.path)["Training"] == "13 updates"


def test_a_page_made_from_records_alone_claims_no_health(tmp_path):
    run = train(None, flow_every=5)
    assert "Nobody has looked yet" in page_of(write_report(run, tmp_path / "report.html").parent)
    assert facts_of(tmp_path)["Measured"] == "on the training text, with the weights after update 10"
    write_report(run, tmp_path / "report.html", step=0)
    assert facts_of(tmp_path)["Measured"] == "on the training text, with the weights before the first update"


def test_stopped_and_diverged_runs_have_a_report(tmp_path):
    def stop(event):
        if isinstance(event, Step) and event.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", flow_every=3, callbacks=stop)
    assert "7 updates" in page_of(tmp_path / "stopped")
    with pytest.raises(tt.DivergedError):
        train(tmp_path / "diverged", optimizer=tt.SGD(1e20))
    page = page_of(tmp_path / "diverged")
    assert "an update went wrong" in page
    assert "Training diverged at step" in page.split("<svg")[0]


def test_a_report_that_cannot_be_written_is_told_and_the_run_is_whole(tmp_path):
    events = []

    def hear(event):
        events.append(event)
        if isinstance(event, Step) and event.step == 1:
            (tmp_path / "run" / "report.html").mkdir()

    run = train(tmp_path / "run", callbacks=hear)
    (told,) = (event.line for event in events if isinstance(event, Noticed))
    assert "report.html could not be written" in told
    assert "\n" not in told
    assert f"throughtime flow {tmp_path / 'run'} --html PATH" in told
    assert run.finished.steps == 12
    tt.load(tmp_path / "run")


def test_a_run_in_memory_writes_no_report_unless_it_is_told_where(tmp_path):
    run = train(None, flow_every=4)
    with pytest.raises(tt.ArgumentError, match="Name the file to write"):
        write_report(run)
    assert write_report(run, tmp_path / "a.html") == tmp_path / "a.html"
    assert "Learning curve" in (tmp_path / "a.html").read_text()


def test_the_report_marks_how_far_training_reaches(tmp_path):
    run = train(tmp_path / "run", truncation=tt.Auto(0.1), flow_every=4)
    page = page_of(run.path)
    assert f"training reaches {training_facts(run).longest}" in page
    assert "the truncation that training chose for itself" in page


def test_a_name_cannot_become_markup(tmp_path):
    out = tmp_path / "<b>&run"
    train(out, flow_every=6)
    text = (out / "report.html").read_text()
    assert "<b>&run" not in text
    assert "&lt;b&gt;&amp;run" in text
    assert json.loads((out / "config.json").read_text())["corpus"]["name"] == "the text"


@pytest.mark.parametrize(
    ("clip", "told"),
    [
        (tt.ClipNorm(0.5), "of the norm at 0.5"),
        (tt.ClipValue(0.01), "of every value at 0.01"),
        (tt.ClipAuto(3), "of the norm at 3 times its average"),
        (None, "none"),
    ],
)
def test_a_clip_is_told_with_its_number(clip, told, trained, tmp_path):
    run = tt.load(trained.path)
    run.config["training"]["clip"] = clip_record(clip)
    assert facts_of(write_report(run, tmp_path / "report.html").parent)["Clipping"] == told


def test_a_diagnosis_leads_with_what_it_measured_and_says_what_that_was(trained, tmp_path):
    found = diagnose(trained, TEXT, max_lag=40, origins=4)
    for run in (trained, tt.load(trained.path)):
        page = page_of(write_report(run, tmp_path / "report.html", diagnosis=found).parent)
        measured = facts_of(tmp_path)["Measured"]
        assert measured == f"on {found.text}, with the weights after update {trained.finished.best_step}"
        assert f"(Lyapunov exponents: −{-found.exponents.exponents[0]:.3f}," in page
        assert "over 20 steps " in page
        assert "no entry of the gradient" in page.lower()
    assert trained.finished.best_step > 0


def test_what_training_leaves_out_is_more_than_what_lies_beyond_its_last_lag(trained, tmp_path):
    found = diagnose(trained, TEXT, max_lag=60, origins=4)
    beyond = found.flow.mass_beyond(19)
    assert found.training.longest == 19
    assert percent(found.evidence.lost) != percent(beyond)
    page = page_of(write_report(trained, tmp_path / "report.html", diagnosis=found).parent)
    assert (
        f"<b>{percent(found.evidence.lost)}</b><span>of the measured gradient, which training cannot see"
        in page
    )
    assert f"{percent(beyond)} lies beyond its last lag" in page


def test_what_training_leaves_out_is_known_from_the_records_alone(tmp_path):
    run = train(None, flow_every=6)
    phi = np.array(run.flow_history[-1]["norms"]["h"][-1])
    share = 1 - phi @ np.clip((10 - np.arange(len(phi))) / 10, 0, 1) / phi.sum()
    assert share > 0.01
    page = page_of(write_report(run, tmp_path / "report.html").parent)
    assert f"<dt>Training leaves out</dt><dd><b>{percent(share)}</b>" in page


def test_a_text_whose_name_is_no_utf_8_has_a_report(trained, tmp_path):
    run = tt.load(trained.path)
    run.config["corpus"]["name"] = "bad\udcff.txt"
    assert facts_of(write_report(run, tmp_path / "report.html").parent)["Text"] == r"bad\udcff.txt"
