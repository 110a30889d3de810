"""`throughtime compare --jobs` and `--ray`: variants trained side by side."""

import contextlib
import importlib.util
import json
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tests.cli.test_compare import TINY, TWO, variants_of
from tests.cluster.until import program, until, working

import throughtime as tt
from throughtime.cluster.processes import Processes


@pytest.mark.slow
def test_compare_trains_variants_side_by_side_with_the_same_numbers(cli, corpus, tmp_path):
    more = ("--json", "--tensorboard") if importlib.util.find_spec("tensorboardX") else ("--json",)
    one = cli("compare", corpus, "--out", "one", *TWO, "--quiet", *TINY, *more)
    # From here its files go by another name.
    two = cli("compare", corpus.name, "--out", "two", *TWO, "--jobs", "2", *TINY, *more)
    assert two.code == 0
    assert sorted(line.split(" after ")[0] for line in two.err.splitlines()) == [
        "a, 1 of 2: finished",
        "b, 2 of 2: finished",
    ]
    found = [
        {name: each | {"seconds": 0} for name, each in variants_of(result).items()} for result in (one, two)
    ]
    assert found[0] == found[1]
    for name in ("a", "b"):
        runs = [tmp_path / place / name for place in ("one", "two")]
        assert {each.name for each in runs[0].iterdir()} == {each.name for each in runs[1].iterdir()}
        assert (runs[0] / "options.toml").read_bytes() == (runs[1] / "options.toml").read_bytes()


@pytest.fixture
def broken_engine(monkeypatch):
    """Processes that run one variant, and are then interrupted or lost."""

    def breaks(error):
        class Broken(Processes):
            def run(self, work, jobs, shared):
                yield 0, work(jobs[0], shared)
                raise error

        monkeypatch.setattr("throughtime.cluster.processes.Processes", Broken)

    return breaks


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            KeyboardInterrupt(),
            130,
            "interrupted with 1 of the variants to come; the comparison so far lies in c",
        ),
        (tt.LostError("it died."), 1, "it died. The comparison so far lies in c"),
    ],
)
def test_compare_that_breaks_off_elsewhere_says_how_to_go_on(cli, corpus, broken_engine, error, code, said):
    broken_engine(error)
    stopped = cli("compare", corpus, "--out", "c", *TWO, "--jobs", "2", "--quiet", *TINY)
    assert (stopped.code, stopped.err) == (
        code,
        f"throughtime: {said}. Go on with: throughtime compare --resume --out c --jobs 2\n",
    )
    again = cli("compare", "--resume", "--out", "c", "--jobs", "1", "--json", "--quiet")
    assert {each["state"] for each in variants_of(again).values()} == {"finished"}


def test_words_to_go_on_with_are_quoted(cli, corpus, broken_engine):
    broken_engine(tt.LostError("it died."))
    stopped = cli("compare", corpus, "--out", "a c", *TWO, "--jobs", "2", "--quiet", *TINY)
    assert stopped.err.endswith("Go on with: throughtime compare --resume --out 'a c' --jobs 2\n")


@pytest.mark.parametrize("more", [("--jobs", "2"), ("--ray", "local")])
def test_compare_refuses_threads_where_each_variant_has_one_processor(cli, corpus, more):
    result = cli("compare", corpus, "--out", "c", *TWO, *more, "--threads", "2", *TINY)
    assert result.code == 2
    assert result.err.startswith(
        f"throughtime: --threads 2 found with {more[0]}; expected 1, as each variant"
    )
    assert not Path("c").exists()


@pytest.mark.parametrize("more", [("--jobs", "2"), ("--ray", "local")])
def test_compare_goes_on_with_the_threads_it_was_begun_with(cli, corpus, more):
    assert cli("compare", corpus, "--out", "c", *TWO, "--threads", "2", "--quiet", *TINY).code == 0
    record = json.loads(Path("c/compare.json").read_text(encoding="utf-8"))
    record["variants"][1]["state"] = "to come"
    Path("c/compare.json").write_text(json.dumps(record), encoding="utf-8")
    refused = cli("compare", "--resume", "--out", "c", *more)
    assert refused.code == 2
    assert refused.err == (
        f"throughtime: c was begun with --threads 2, and {more[0]} is found; expected one variant after another, as each would "
        f"have one processor. Leave {more[0]} out.\n"
    )


class ElsewhereOnDisk(Processes):
    """Works in another working directory."""

    def run(self, work, jobs, shared):
        for index, job in enumerate(jobs):
            with contextlib.chdir(os.sep):
                result = work(job, shared)
            yield index, result


class OnAnotherMachine(ElsewhereOnDisk):
    """Does not see the files here."""

    sees_files = False


@pytest.mark.parametrize("kind", [ElsewhereOnDisk, OnAnotherMachine])
def test_compare_keeps_the_names_of_files_for_wherever_a_variant_is_trained(cli, corpus, kind, monkeypatch):
    monkeypatch.setattr("throughtime.cluster.processes.Processes", kind)
    assert cli("compare", corpus.name, "--out", "c", *TWO, "--jobs", "2", "--quiet", *TINY).code == 0
    kept = tomllib.loads(Path("c/a/options.toml").read_text(encoding="utf-8"))
    assert kept["files"] == [str(corpus)]
    assert tt.load(Path("c/a")).config["corpus"]["files"] == [str(corpus)]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 0.5, 1, 2])
def test_interruption_while_workers_start_is_told_in_one_line(corpus, tmp_path, seconds):
    two = [word if word != "12" else "100000000" for word in (*TWO, *TINY)]
    words = ["compare", str(corpus), "--out", "c", *two, "--jobs", "2", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-m", "throughtime", *words]
    with program(command, cwd=tmp_path, env=environment) as compare:
        until(lambda: len(working(compare.pid)) > 1, 300)  # it begins with its workers
        time.sleep(seconds)
        os.killpg(compare.pid, signal.SIGINT)  # as a terminal does
        out, err = compare.communicate(timeout=300)
        until(lambda: working(compare.pid) == [])
    assert (compare.returncode, out) == (130, "")
    assert err == (
        "throughtime: interrupted with 2 of the variants to come; the comparison so far lies in c. Go on with: throughtime "
        "compare --resume --out c --jobs 2\n"
    )
