"""Variants trained through an engine: their runs lie here as if they had been trained here."""

import json
from dataclasses import replace

import pytest
from tests.compare.conftest import TEXT, bursting, variant
from tests.compare.test_comparison import interrupt_at

import throughtime as tt
from throughtime.cluster.processes import Processes
from throughtime.compare import compare
from throughtime.compare.events import Begun, Ended, Training
from throughtime.data.corpus import read
from throughtime.training.events import IncidentMet, Step

VARIANTS = [variant("tanh"), bursting(), variant("gru", "gru")]


class Lost(Processes):
    """Runs so many jobs, then breaks down; with the jobs it was given."""

    def __init__(self, after, error):
        super().__init__(1)
        self.after, self.error, self.jobs = after, error, []

    def run(self, work, jobs, shared):
        self.jobs += jobs
        for index, result in super().run(work, jobs, shared):
            if index == self.after:
                raise self.error
            yield index, result


def files_of(run):
    return {
        path.relative_to(run).as_posix()
        for path in run.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def lines_of(run, file):
    return [json.loads(line) for line in (run / file).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "a text.txt"
    file.write_text(TEXT, encoding="utf-8")
    return read(file)


@pytest.fixture(scope="module")
def both(tmp_path_factory, text):
    """The same comparison elsewhere and here, in places of the same name; not to be changed."""
    places = [tmp_path_factory.mktemp(name) / "to & fro" for name in ("elsewhere", "here")]
    engines = (Processes(1), None)
    return [
        compare(VARIANTS, text, out=out, engine=engine) for out, engine in zip(places, engines, strict=True)
    ]


def test_outcomes_are_those_of_a_training_here(both):
    elsewhere, here = both
    assert [replace(each, seconds=0.0, stopped=None) for each in elsewhere.outcomes] == [
        replace(each, seconds=0.0, stopped=None) for each in here.outcomes
    ]
    assert json.loads((elsewhere.path / "compare.json").read_text(encoding="utf-8")) == elsewhere.record


@pytest.mark.parametrize("name", ["tanh", "burst", "gru"])
def test_run_is_that_of_a_training_here(both, name):
    elsewhere, here = (each.path / name for each in both)
    assert files_of(elsewhere) == files_of(here)
    assert (elsewhere / "report.html").exists()
    for file in ("model.safetensors", "config.json", "tokenizer.json", "flow.jsonl"):
        assert (elsewhere / file).read_bytes() == (here / file).read_bytes()
    losses = [[line.get("loss") for line in lines_of(run, "metrics.jsonl")] for run in (elsewhere, here)]
    assert losses[0] == losses[1]


def test_run_finds_its_text_again(both, text):
    run = tt.load(both[0].path / "gru")
    assert run.config["corpus"]["files"] == list(text.paths)
    assert run.config["corpus"]["sha256"] == text.sha256


def test_what_is_said_of_a_run_names_where_it_lies(both):
    elsewhere, here = both
    for found in both:
        run = found.path / "burst"
        stopped = found.outcomes[1].stopped
        assert f"are in {run}. " in stopped
        assert f"throughtime replay '{run}' step-00000002" in stopped
        (incident,) = [line["incident"] for line in lines_of(run, "metrics.jsonl") if "incident" in line]
        assert f"throughtime replay '{run}' step-00000002" in incident
        assert "to &amp; fro/burst" in (run / "report.html").read_text(encoding="utf-8")
    assert (
        elsewhere.outcomes[1].stopped.replace(str(elsewhere.path), str(here.path)) == here.outcomes[1].stopped
    )


def test_incidents_and_ends_are_told(tmp_path):
    told = []
    compare(
        [bursting(), variant("gru", "gru")],
        TEXT,
        out=tmp_path / "c",
        engine=Processes(1),
        listeners=told.append,
    )
    begun, incident, *ends = [each for each in told if isinstance(each, Begun | Training | Ended)]
    assert begun.elsewhere
    assert isinstance(incident, Training)
    assert isinstance(incident.event, IncidentMet)
    assert str(tmp_path / "c" / "burst") in incident.event.line
    assert [each.outcome.variant for each in ends] == ["burst", "gru"]


def test_what_was_begun_here_goes_on_elsewhere(both, text, tmp_path):
    with pytest.raises(tt.Interrupted):
        compare(VARIANTS, text, out=tmp_path / "c", listeners=interrupt_at("gru", 12))
    engine = Lost(None, None)
    found = compare(VARIANTS, text, out=tmp_path / "c", resume=True, engine=engine)
    (job,) = engine.jobs
    assert job.variant.name == "gru"
    assert {"config.json", "metrics.jsonl"} <= job.begun.keys()
    assert replace(found.outcomes[2], seconds=0.0) == replace(both[1].outcomes[2], seconds=0.0)
    assert {file.name for file in (tmp_path / "c").iterdir()} == {
        "tanh", "burst", "gru", "tokenizer.json", "compare.json", "compare.html",
    }  # fmt: skip


def test_what_was_begun_elsewhere_goes_on_here(both, text, tmp_path):
    engine = Lost(1, KeyboardInterrupt())
    with pytest.raises(
        tt.Interrupted, match="interrupted with 2 of the variants to come; the comparison so far"
    ):
        compare(VARIANTS, text, out=tmp_path / "c", engine=engine)
    told = []
    found = compare(VARIANTS, text, out=tmp_path / "c", resume=True, listeners=told.append)
    trained = {each.variant for each in told if isinstance(each, Training) and isinstance(each.event, Step)}
    assert trained == {"burst", "gru"}
    assert replace(found.outcomes[2], seconds=0.0) == replace(both[1].outcomes[2], seconds=0.0)


def test_loss_of_what_trains_says_how_to_go_on(tmp_path):
    with pytest.raises(tt.LostError) as caught:
        compare(VARIANTS, TEXT, out=tmp_path / "c", engine=Lost(1, tt.LostError("it died.")))
    assert str(caught.value) == (
        f"it died. The comparison so far lies in {tmp_path / 'c'}. Go on with: throughtime compare --resume --out "
        f"{tmp_path / 'c'}"
    )


def test_run_that_is_in_use_is_left_alone(tmp_path):
    def meddle(event):
        if isinstance(event, Training) and isinstance(event.event, Step) and event.event.step == 12:
            with pytest.raises(tt.RunError, match="in use by another process"):
                compare([variant("a")], TEXT, out=tmp_path / "c", resume=True, engine=Processes(1))
            raise KeyboardInterrupt

    with pytest.raises(tt.Interrupted):
        compare([variant("a")], TEXT, out=tmp_path / "c", listeners=meddle)
