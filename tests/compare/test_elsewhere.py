"""Variants trained through an engine: their runs lie here as if they had been trained here."""

import json
import os
import signal
import sys
from dataclasses import replace

import pytest
from tests.cluster.until import program, until
from tests.compare.conftest import TEXT, bursting, variant
from tests.compare.test_comparison import interrupt_at

import throughtime as tt
from throughtime.cluster.processes import Processes
from throughtime.compare import compare
from throughtime.compare.events import Begun, Ended, Training
from throughtime.data.corpus import read
from throughtime.training.directory import held
from throughtime.training.events import IncidentMet, Step

VARIANTS = [variant("tanh"), bursting(), variant("gru", "gru")]


class Away(Processes):
    """Runs one job at a time, as if on another machine."""

    sees_files = False

    def __init__(self):
        super().__init__(1)


class Lost(Processes):
    """Runs so many jobs, then breaks down; with the jobs it was given."""

    def __init__(self, after, error, sees_files=True):
        super().__init__(1)
        self.after, self.error, self.sees_files, self.jobs = after, error, sees_files, []

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
def here(tmp_path_factory, text):
    """A comparison in this process; not to be changed."""
    return compare(VARIANTS, text, out=tmp_path_factory.mktemp("here") / "to & fro")


@pytest.fixture(scope="module", params=[Processes(1), Away()], ids=["in place", "away"])
def elsewhere(request, tmp_path_factory, text):
    """The same comparison through an engine; not to be changed."""
    return compare(
        VARIANTS, text, out=tmp_path_factory.mktemp("elsewhere") / "to & fro", engine=request.param
    )


def without_seconds(outcomes):
    return [replace(each, seconds=0.0, stopped=None) for each in outcomes]


def test_outcomes_are_those_of_a_training_here(elsewhere, here):
    assert without_seconds(elsewhere.outcomes) == without_seconds(here.outcomes)
    assert json.loads((elsewhere.path / "compare.json").read_text(encoding="utf-8")) == elsewhere.record


@pytest.mark.parametrize("name", ["tanh", "burst", "gru"])
def test_run_is_that_of_a_training_here(elsewhere, here, name):
    runs = [each.path / name for each in (elsewhere, here)]
    assert files_of(runs[0]) == files_of(runs[1])
    assert (runs[0] / "report.html").exists()
    for file in ("model.safetensors", "config.json", "tokenizer.json", "flow.jsonl"):
        assert (runs[0] / file).read_bytes() == (runs[1] / file).read_bytes()
    losses = [[line.get("loss") for line in lines_of(run, "metrics.jsonl")] for run in runs]
    assert losses[0] == losses[1]


def test_run_finds_its_text_again(elsewhere, text):
    run = tt.load(elsewhere.path / "gru")
    assert run.config["corpus"]["files"] == list(text.paths)
    assert run.config["corpus"]["sha256"] == text.sha256


@pytest.mark.parametrize(("engine", "spelled"), [(Processes(1), None), (Away(), "burst")])
def test_what_is_said_of_a_run_names_where_it_lies(text, tmp_path, engine, spelled):
    run = tmp_path / "to & fro" / "burst"
    spelled = spelled or f"'{run}'"  # away from here it is called as it is in the comparison
    told = []
    found = compare([bursting(), variant("gru")], text, out=run.parent, engine=engine, listeners=told.append)
    (incident,) = [line["incident"] for line in lines_of(run, "metrics.jsonl") if "incident" in line]
    (event,) = [each.event for each in told if isinstance(each, Training)]
    for line in (found.outcomes[0].stopped, incident, event.line):
        assert f"throughtime replay {spelled} step-00000002" in line
    said = (run / "report.html").read_text(encoding="utf-8") + found.outcomes[0].stopped
    assert "throughtime-" not in said  # as temporary directories are called


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


@pytest.mark.parametrize("sees_files", [True, False])
def test_what_was_begun_here_goes_on_elsewhere(here, text, tmp_path, sees_files):
    with pytest.raises(tt.Interrupted):
        compare(VARIANTS, text, out=tmp_path / "c", listeners=interrupt_at("gru", 12))
    engine = Lost(None, None, sees_files)
    found = compare(VARIANTS, text, out=tmp_path / "c", resume=True, engine=engine)
    ((gru, begun),) = engine.jobs
    assert gru.name == "gru"
    assert begun == tmp_path / "c" / "gru" if sees_files else {"config.json", "metrics.jsonl"} <= begun.keys()
    assert without_seconds(found.outcomes) == without_seconds(here.outcomes)
    lines = lines_of(tmp_path / "c" / "gru", "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 21))
    assert {file.name for file in (tmp_path / "c").iterdir()} - {".lock"} == {
        "tanh", "burst", "gru", "tokenizer.json", "compare.json", "compare.html",
    }  # fmt: skip


def test_what_was_begun_elsewhere_goes_on_here(here, text, tmp_path):
    engine = Lost(1, KeyboardInterrupt(), sees_files=False)
    with pytest.raises(
        tt.Interrupted, match="interrupted with 2 of the variants to come; the comparison so far"
    ):
        compare(VARIANTS, text, out=tmp_path / "c", engine=engine)
    told = []
    found = compare(VARIANTS, text, out=tmp_path / "c", resume=True, listeners=told.append)
    trained = {each.variant for each in told if isinstance(each, Training) and isinstance(each.event, Step)}
    assert trained == {"burst", "gru"}
    assert without_seconds(found.outcomes) == without_seconds(here.outcomes)


def test_loss_of_what_trains_says_how_to_go_on(tmp_path):
    with pytest.raises(tt.LostError) as caught:
        compare(
            VARIANTS,
            TEXT,
            out=tmp_path / "c",
            engine=Lost(1, tt.LostError("it died.")),
            more_words=["--ray", "local; x"],
        )
    assert str(caught.value) == (
        f"it died. The comparison so far lies in {tmp_path / 'c'}. Go on with: throughtime compare --resume --out "
        f"{tmp_path / 'c'} --ray 'local; x'"
    )


@pytest.mark.parametrize("engine", [None, Processes(1)])
def test_comparison_that_is_in_use_is_left_alone(tmp_path, engine):
    def meddle(event):
        if isinstance(event, Ended) and event.outcome.variant == "a":
            for resume in (True, False):
                with pytest.raises(tt.RunError, match="c is in use by another process"):
                    compare(pair, TEXT, out=tmp_path / "c", resume=resume, engine=engine)

    pair = [variant("a"), variant("b")]
    compare(pair, TEXT, out=tmp_path / "c", listeners=meddle, engine=engine)
    assert len(lines_of(tmp_path / "c" / "b", "metrics.jsonl")) == len(
        lines_of(tmp_path / "c" / "a", "metrics.jsonl")
    )


def test_run_that_is_in_use_is_left_alone(tmp_path):
    with pytest.raises(tt.Interrupted):
        compare([variant("a")], TEXT, out=tmp_path / "c", listeners=interrupt_at("a", 12))
    for engine in (Processes(1), Away()):
        with held(tmp_path / "c" / "a"), pytest.raises(tt.RunError, match="a is in use by another process"):
            compare([variant("a")], TEXT, out=tmp_path / "c", resume=True, engine=engine)


PROGRAM = """
from pathlib import Path
from tests.compare.conftest import TEXT, variant
from throughtime.cluster.processes import Processes
from throughtime.compare import compare

if __name__ == "__main__":
    pair = [variant(name, max_steps=10**8, checkpoint_every=20) for name in "ab"]
    compare(pair, TEXT, out="c", engine=Processes(2))
"""


@pytest.mark.slow
def test_interrupted_variants_keep_their_checkpoints(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    place = tmp_path / "temporary"
    place.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(place),
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
    }
    with program([sys.executable, "program.py"], cwd=tmp_path, env=environment) as running:
        checkpoints = [tmp_path / "c" / name / "checkpoints" for name in "ab"]
        until(lambda: all(len(list(each.glob("step-*.safetensors"))) > 1 for each in checkpoints), 300)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, err = running.communicate(timeout=300)
    assert err.splitlines()[-1].startswith(
        "throughtime.errors.Interrupted: interrupted with 2 of the variants"
    )
    assert list(place.iterdir()) == []
    steps = []

    def note(event):
        if isinstance(event, Training) and isinstance(event.event, Step):
            steps.append(event.event.step)
            raise KeyboardInterrupt

    pair = [variant(name, max_steps=10**8, checkpoint_every=20) for name in "ab"]
    with pytest.raises(tt.Interrupted):
        compare(pair, TEXT, out=tmp_path / "c", resume=True, listeners=note)
    assert steps[0] > 20
