"""Studies: read from a file, each trial run once, results found again."""

import json
from dataclasses import replace

import pytest

import throughtime as tt
from throughtime.cluster.processes import Processes
from throughtime.study.plan import read_study
from throughtime.study.run import run_study
from throughtime.study.store import Store
from throughtime.study.task_trial import TaskTrial
from throughtime.study.trial import Result
from throughtime.training.directory import locked

SMALL = """
[settings]
task = "random-permutation"
cell = "gru"
hidden-size = 8
optimizer = "adam"
max-steps = 4
eval-every = 2
test-size = 100

[grid]
length = [4, "5-6"]
seed = [0, 1, 2]

[[method]]
name = "slow"
lr = 1e-6

[[method]]
name = "clipped"
lr = 0.01
clip-norm = 1
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_study_is_a_grid_of_its_methods(file):
    study = read_study(file)
    assert study.name == "small"
    assert len(study.trials) == 2 * 2 * 3
    assert [each.way for each in study.trials] == ["slow"] * 6 + ["clipped"] * 6
    assert study.trials[-1].trial == TaskTrial(
        task="random-permutation",
        length=(5, 6),
        cell="gru",
        hidden_size=8,
        optimizer="adam",
        lr=0.01,
        clip_norm="1",
        max_steps=4,
        eval_every=2,
        test_size=100,
        seed=2,
    )
    assert len({each.key for each in study.trials}) == 12


class Stopping(Processes):
    """Keeps what it has run, and is interrupted after five."""

    def __init__(self):
        super().__init__(1)
        self.ran = []

    def run(self, work, jobs, shared):
        for index, result in super().run(work, jobs, shared):
            self.ran.append(jobs[index])
            yield index, result
            if len(self.ran) == 5:
                raise KeyboardInterrupt


def test_study_finds_again_what_it_has_and_runs_the_rest_once(file, tmp_path):
    study, engine = read_study(file), Stopping()
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "out", engine)
    assert len(list((tmp_path / "out" / "trials").iterdir())) == 5
    told = []
    found = run_study(
        study, tmp_path / "out", engine, lambda progress: told.append((progress.done, progress))
    )
    assert len(engine.ran) == 12
    assert len({*engine.ran}) == 12
    assert [done for done, _ in told] == [5, 6, 7, 8, 9, 10, 11, 12]
    assert {progress.total for _, progress in told} == {12}
    assert told[0][1].ended is None
    assert all(progress.seconds_left > 0 for _, progress in told[:-1])
    assert told[-1][1].seconds_left == 0
    assert [each.planned for each in found] == [*study.trials]
    assert {each.result.version for each in found} == {tt.__version__}
    assert all(each.result.processor for each in found)
    assert run_study(study, tmp_path / "out", engine) == found
    assert len(engine.ran) == 12


def test_two_studies_do_not_work_in_one_directory(file, tmp_path):
    study = read_study(file)
    with locked(tmp_path / "out"), pytest.raises(tt.RunError, match="is in use by another process"):
        run_study(study, tmp_path / "out", Processes(1))
    run_study(study, tmp_path / "out", Processes(1))
    assert {entry.name for entry in (tmp_path / "out").iterdir()} <= {"trials", ".lock"}


def test_way_is_called_by_what_sets_it_apart(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(SMALL.split("[[method]]")[0])
    assert {each.way for each in read_study(path).trials} == {"few"}
    path.write_text(SMALL.replace("seed = [0, 1, 2]", 'test-length = [9, "10-20"]', 1))
    assert {each.way for each in read_study(path).trials} == {
        f"{name}, test length {length}" for name in ("slow", "clipped") for length in ("9", "10-20")
    }
    path.write_text(
        SMALL.replace("seed = [0, 1, 2]", "seed = [0]\nclip-value = [1.0, 2.0]\nomega = [0.0]", 1).replace(
            "clip-norm = 1", ""
        )
    )
    assert [each.way for each in read_study(path).trials[::4]] == [
        "slow, clip value 1.0",
        "clipped, clip value 1.0",
    ]


def test_off_is_what_is_left_out(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(
        SMALL.replace("clip-norm = 1", 'max-seconds = "off"').replace(
            "seed = [0, 1, 2]", 'clip-norm = ["off", 1]\nclip-value = ["off"]\nomega = ["off"]'
        )
    )
    trials = [each.trial for each in read_study(path).trials]
    assert {each.clip_norm for each in trials} == {None, "1"}
    assert {(each.clip_value, each.omega, each.max_seconds) for each in trials} == {(None, 0.0, None)}
    assert "clipped, clip norm off" in {each.way for each in read_study(path).trials}


def test_two_methods_with_the_same_settings_share_their_trials(tmp_path):
    path = tmp_path / "twice.toml"
    path.write_text(SMALL.replace('name = "clipped"\nlr = 0.01\nclip-norm = 1', 'name = "again"\nlr = 1e-6'))
    found = run_study(read_study(path), tmp_path / "out", Processes(1))
    assert len(found) == 12
    assert len(list((tmp_path / "out" / "trials").iterdir())) == 6


def test_store_refuses_what_it_has_not_written(file, tmp_path):
    planned, other = read_study(file).trials[:2]
    store = Store(tmp_path / "out")
    result = Result(
        ended="success",
        steps=3,
        seconds=1.0,
        error_rate=0.0,
        horizon_before=None,
        horizon_before_censored=False,
        horizon_after=2,
        horizon_after_censored=True,
    )
    store.put(planned, result)
    assert store.get(planned) == result
    assert store.get(other) is None
    (kept,) = (tmp_path / "out" / "trials").iterdir()
    whole = json.loads(kept.read_text())
    odd = [
        "{",
        "[]",
        "[" * 5000,
        json.dumps({"settings": {}, "result": {}}),
        json.dumps({**whole, "settings": {**whole["settings"], "seed": 77}}),
        json.dumps({**whole, "result": {**whole["result"], "speed": 1}}),
    ]
    values = {
        "ended": "x",
        "steps": "x",
        "seconds": None,
        "horizon_after": 9.5,
        "error_rate": "x",
        "version": None,
    }
    odd += [
        json.dumps({**whole, "result": {**whole["result"], name: value}}) for name, value in values.items()
    ]
    odd.append(json.dumps({**whole, "result": {**whole["result"], "seconds": float("nan")}}))
    for content in odd:
        kept.write_text(content)
        with pytest.raises(tt.DamagedError, match="Remove the file, and the trial is run again"):
            store.get(planned)
    kept.write_text(json.dumps(whole))
    assert store.get(planned) == result


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[grid]", "[grids]", "has grids; expected the tables settings, grid and"),
        (
            "hidden-size",
            "hidden",
            "has 'hidden' in settings; expected settings of a trial. Did you mean hidden-size?",
        ),
        ('name = "slow"', 'name = "clipped"', "has methods called 'clipped', 'clipped'"),
        ('name = "slow"', "", "has methods called None, 'clipped'"),
        ("lr = 1e-6", "lr = -1", "method slow: "),
        ("length = [4,", "length = [1,", "method slow: length 1 found"),
        ("seed = [0, 1, 2]", "seed = []", "has no value of seed in grid"),
        (
            'task = "random-permutation"',
            "",
            "method slow: neither task nor corpus found; expected one of them",
        ),
        ("[settings]", '[settings]\ncorpus = "help-topics"', "method slow: task and corpus found"),
        (
            "[settings]",
            "[settings]\nseq-len = 5",
            "method slow: seq-len found in a trial on a task; expected settings of such",
        ),
        (
            'task = "random-permutation"',
            'corpus = "help-topics"',
            "length, test-size found in a trial on a text",
        ),
        ('"5-6"', '"5-6-7"', "length is 5-6-7; expected"),
        ("[settings]", "[settings", "; expected a study in TOML. See README"),
        ("max-steps = 4", 'max-steps = "4"', "has max-steps = '4' in settings; expected a whole number."),
        ("max-steps = 4", "max-steps = true", "has max-steps = True in settings; expected a whole number."),
        ("max-steps = 4", "max-steps = 9223372036854775808", "; expected a whole number."),
        (
            "max-steps = 4",
            "max-steps = 4\nmax_steps = 5",
            "has 'max_steps' twice in settings; expected it once",
        ),
        ("lr = 1e-6", "lr = nan", "has lr = nan in method slow; expected a number."),
        ("lr = 1e-6", 'lr = "a"', "has lr = 'a' in method slow; expected a number."),
        ("lr = 1e-6", "lr = [0.1]", "has lr = [0.1] in method slow; expected a number."),
        ('cell = "gru"', "cell = []", "has cell = [] in settings; expected a text in quotes."),
        ('cell = "gru"', "schedule = {}", "has schedule = {} in settings; expected a text in quotes."),
        (
            "seed = [0, 1, 2]",
            "seed = [0, 1, 0]",
            "has a value twice of seed in grid; expected at least one, each once",
        ),
        (
            "seed = [0, 1, 2]",
            "seed = -1",
            "method slow: seed -1 found; expected a whole number of at least 0",
        ),
        ("seed = [0, 1, 2]", "seed = [[1]]", "has seed = [1] in grid; expected a whole number."),
        ("seed = [0, 1, 2]", "lr = [0.1]", "has lr in method slow and in grid; expected it in one of them."),
        ("length = [4,", "length = [99999999999,", "length is 99999999999; expected a whole number"),
        ("length = [4,", "length = [true,", "has length = True in grid; expected a whole number."),
        ("length = [4,", 'length = ["x",', "small.toml, grid: length is x; expected a whole number"),
        ("[[method]]", "[method]", "; expected"),
        ("clip-norm = 1", "clip-norm = -1", "method clipped: "),
    ],
)
def test_bad_file_is_refused_in_one_line(file, old, new, said):
    file.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(tt.ArgumentError) as caught:
        read_study(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "; expected " in str(caught.value)
    assert "small.toml" in str(caught.value)


@pytest.mark.parametrize("tables", ["method = 1", "method = []", "method = [1]", "method = {name = 'a'}"])
def test_methods_that_are_none_are_refused(tmp_path, tables):
    (tmp_path / "few.toml").write_text(tables)
    with pytest.raises(tt.ArgumentError, match=r"method is no list of tables; expected \[\[method\]\]"):
        read_study(tmp_path / "few.toml")


@pytest.mark.parametrize("content", [b"\xff", b"a = " + b"[" * 5000, b"a = " + b"9" * 5000])
def test_file_that_is_no_toml_is_refused(tmp_path, content):
    (tmp_path / "odd.toml").write_bytes(content)
    for path in (tmp_path / "odd.toml", tmp_path, tmp_path / "\0"):
        with pytest.raises(tt.ArgumentError, match="expected a study in TOML"):
            read_study(path)


TEXTS = """
[settings]
hidden-size = 8
max-steps = 6
batch-size = 4
seq-len = 10

[grid]
corpus = ["rhyme.txt", "help-topics"]
cell = ["rnn", "gru"]
seed = [0, 1]
"""


def test_study_of_texts_reads_them_once_beside_its_file(tmp_path):
    (tmp_path / "texts.toml").write_text(TEXTS)
    with pytest.raises(tt.ArgumentError, match=r"rhyme\.txt does not exist; expected a text file"):
        read_study(tmp_path / "texts.toml")
    rhyme = "one two, buckle my shoe\n" * 40
    (tmp_path / "rhyme.txt").write_text(rhyme)
    study = read_study(tmp_path / "texts.toml")
    assert [each.way for each in study.trials] == ["cell rnn", "cell rnn", "cell gru", "cell gru"] * 2
    assert len(study.corpora) == 2
    first = study.trials[0].trial
    assert (first.corpus, first.subject, first.span) == ("rhyme.txt", "rhyme.txt", None)
    assert study.trials[-1].trial.subject == "help-topics"
    assert study.corpora[first.sha256].text == rhyme
    # Another text by the same name makes other trials.
    (tmp_path / "rhyme.txt").write_text(rhyme + "three\n")
    again = read_study(tmp_path / "texts.toml")
    assert {each.key for each in again.trials[:4]}.isdisjoint({each.key for each in study.trials})
    assert [each.key for each in again.trials[4:]] == [each.key for each in study.trials[4:]]


def test_corpus_that_is_no_name_is_refused(tmp_path):
    (tmp_path / "texts.toml").write_text("settings = {corpus = 3}")
    with pytest.raises(tt.ArgumentError, match="has corpus = 3 in settings; expected a text in quotes"):
        read_study(tmp_path / "texts.toml")


def test_study_of_texts_in_other_processes_gives_the_same_numbers(tmp_path):
    (tmp_path / "texts.toml").write_text(TEXTS.replace(', "help-topics"', ""))
    (tmp_path / "rhyme.txt").write_text("one two, buckle my shoe\n" * 40)
    study = read_study(tmp_path / "texts.toml")
    here = run_study(study, tmp_path / "here", Processes(1))
    there = run_study(study, tmp_path / "there", Processes(2))
    assert [replace(each.result, seconds=0.0) for each in there] == [
        replace(each.result, seconds=0.0) for each in here
    ]
    assert all(each.result.ended == "finished" for each in here)


def test_study_in_other_processes_gives_the_same_numbers(file, tmp_path):
    study = read_study(file)
    here = run_study(study, tmp_path / "here", Processes(1))
    there = run_study(study, tmp_path / "there", Processes(2))
    assert [replace(each.result, seconds=0.0) for each in there] == [
        replace(each.result, seconds=0.0) for each in here
    ]


class Away(Processes):
    """Runs its jobs where the files of this machine are not."""

    def __init__(self, gone):
        super().__init__(1)
        self.gone = gone

    def run(self, work, jobs, shared):
        self.gone.unlink()
        yield from super().run(work, jobs, shared)


def test_study_of_a_text_takes_it_to_where_its_file_is_not(tmp_path):
    path, text = tmp_path / "texts.toml", tmp_path / "text.txt"
    small = "hidden-size = 4\nbatch-size = 2\nmax-steps = 2\ntruncation = 'chunk:5'\n"
    path.write_text(f'[settings]\ncorpus = "text.txt"\n{small}')
    text.write_text("the cat sat on the mat. " * 20)
    study = read_study(path)
    (here,) = run_study(study, tmp_path / "here", Processes(1))
    (away,) = run_study(study, tmp_path / "away", Away(text))
    assert replace(away.result, seconds=0.0) == replace(here.result, seconds=0.0)
