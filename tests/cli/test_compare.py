import io
import json
import sys
import tomllib
from pathlib import Path

import pytest
from tests.cli.conftest import TEXT

import throughtime as tt
from throughtime.cli.compare_options import CompareOptions
from throughtime.cli.compare_variants import forks
from throughtime.cli.main import main

TINY = ["--hidden-size", "6", "--batch-size", "4", "--seq-len", "10", "--lr", "0.02", "--max-steps", "12"]


@pytest.fixture(scope="session")
def compared(tmp_path_factory):
    """The cells, compared; not to be changed."""
    place = tmp_path_factory.mktemp("compared")
    (place / "text.txt").write_text(TEXT, encoding="utf-8")
    assert (
        main(["compare", str(place / "text.txt"), "--out", str(place / "c"), *TINY, "--quiet", "--json"]) == 0
    )
    return place / "c"


BURST = "burst: --cell rnn --nonlinearity relu --optimizer sgd --lr 1e20"


def variants_of(result) -> dict[str, dict]:
    return {each["variant"]: each for each in json.loads(result.out)["variants"]}


def test_compare_json_is_one_object_and_progress_goes_to_stderr(cli, corpus):
    result = cli(
        "compare", corpus, "--out", "c", "--variant", "a", "--variant", "b: --cell gru", "--json", *TINY
    )
    assert result.code == 0
    assert result.out.count("\n") == 1
    found = json.loads(result.out)
    assert found["comparison"] == "c"
    assert found["variants"][1]["options"] == {"cell": "gru"}
    assert "a, 1 of 2" in result.err
    assert "b, 2 of 2" in result.err


CELLS = "tanh", "sigmoid", "relu", "relu-identity", "lstm", "gru"


def test_compare_forks_into_the_cells(compared):
    configs = {name: tt.load(compared / name).config for name in CELLS}
    found = {
        name: (c["model"]["cell"], c["model"]["nonlinearity"], c["model"]["init"])
        for name, c in configs.items()
    }
    assert found == {
        "tanh": ("rnn", "tanh", "default"),
        "sigmoid": ("rnn", "sigmoid", "default"),
        "relu": ("rnn", "relu", "default,weight_hh=orthogonal"),
        "relu-identity": ("rnn", "relu", "default,weight_hh=identity,bias=zero"),
        "lstm": ("lstm", "tanh", "default"),
        "gru": ("gru", "tanh", "default"),
    }


def test_compare_says_what_came_of_it_and_what_to_try_next(cli, corpus):
    result = cli("compare", corpus, "--out", "c", "--variant", "a", "--variant", "b: --cell gru", *TINY)
    assert result.code == 0
    head, *lines = result.out.splitlines()
    assert head.split() == ["variant", "parameters", "bits/char", "horizon", "half-life", "time"]
    assert [line.split()[0] for line in lines[:2]] == ["a", "b"]
    assert "On the held-out text" in result.out
    assert "c/compare.html" in result.out
    assert "throughtime flow c/b" in result.out


def test_compare_tells_a_divergence_and_goes_on(cli, corpus):
    result = cli("compare", corpus, "--out", "c", "--variant", BURST, "--variant", "b", *TINY)
    assert result.code == 0
    assert "diverged at 2" in result.out
    assert "burst diverged at step 2" in result.out
    assert "training diverged at step 2: " in result.err
    # What comes to its end is what one goes on with, though it is not the first.
    assert "throughtime flow c/b\n" in result.out


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_compare_fails_where_no_variant_comes_to_its_end(cli, corpus, more):
    again = BURST.replace("burst", "again")
    result = cli(
        "compare", corpus, "--out", "c", "--variant", BURST, "--variant", again, "--quiet", *TINY, *more
    )
    assert result.code == 1
    if more:
        assert {each["state"] for each in variants_of(result).values()} == {"diverged"}
    else:
        assert "c/compare.html" in result.out
        assert "Try next" not in result.out
    *why, last = result.err.splitlines()
    assert [line.partition(":")[0] for line in why] == ["burst", "again"]
    assert last.startswith(
        "throughtime: every variant in c diverged; expected at least one to come to its end."
    )


def test_compare_suggests_the_best_variant(cli, corpus):
    slow = ("--variant", "slow: --lr 1e-9")
    result = cli("compare", corpus, "--out", "c", *slow, "--variant", "b", "--quiet", *TINY)
    assert "throughtime flow c/b\n" in result.out
    result = cli(
        "compare", corpus, "--out", "d", *slow, "--variant", "b", "--quiet", *TINY, "--val-fraction", "0"
    )
    assert "throughtime flow d/slow\n" in result.out  # by training losses none is the best
    assert "training bits/char" in result.out


def test_compare_says_what_sets_the_variants_apart(cli, compared):
    result = cli("compare", "--resume", "--out", compared)
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    at = lines.index("What sets them apart:")
    assert lines[at + 1 : at + 7] == [
        "tanh cell rnn tanh, start default",
        "sigmoid cell rnn sigmoid, start default",
        "relu cell rnn relu, start default,weight_hh=orthogonal",
        "relu-identity cell rnn relu, start default,weight_hh=identity,bias=zero",
        "lstm cell lstm, start default",
        "gru cell gru, start default",
    ]


def test_compare_cuts_no_name_where_it_is_piped(cli, corpus):
    names = ["the-first-of-two-variants-with-long-names", "the-other-of-two-variants-with-long-names"]
    names = [name[:40] for name in names]
    result = cli(
        "compare", corpus, "--out", "c", "--variant", names[0], "--variant", names[1], "--quiet", *TINY
    )
    assert [line.split()[0] for line in result.out.splitlines()[1:3]] == names


def test_compare_refuses_updates_that_read_unequally_much(cli, corpus, tmp_path):
    result = cli("compare", corpus, "--variant", "a", "--variant", "b: --seq-len 5", *TINY)
    assert result.code == 2
    assert result.err.startswith(
        "throughtime: new steps per update: 10 in a, 5 in b; expected one number for all"
    )
    assert not (tmp_path / "runs").exists()


def test_compare_tells_the_updates_where_patience_has_ended_one(cli, corpus):
    early = ("--patience", "1", "--eval-every", "1")
    wild = "wild: --lr 3"
    result = cli(
        "compare",
        corpus,
        "--out",
        "c",
        "--variant",
        wild,
        "--variant",
        "b",
        "--json",
        "--quiet",
        *TINY,
        *early,
    )
    steps = {name: each["steps"] for name, each in variants_of(result).items()}
    assert steps["wild"] < steps["b"]
    page = (Path("c") / "compare.html").read_text(encoding="utf-8")
    assert f"Updates made: wild {steps['wild']}, b {steps['b']}." in page
    assert "for as many updates" not in page


def test_compare_has_a_help_text_of_its_own_for_its_probes(cli):
    text = " ".join(cli("compare", "--help").out.split())
    assert "in every variant; 0 for none. They count in the time that is told." in text
    assert "about 10 probes a variant" in text
    assert "5% of training" not in text


def test_compare_keeps_a_start_that_was_asked_for():
    options = CompareOptions(init="article,weight_hh=orthogonal")
    assert {fork.name: fork.options.init for fork in forks(options, ["init"])} == dict.fromkeys(
        ("tanh", "sigmoid", "relu", "lstm", "gru"), "article,weight_hh=orthogonal"
    )
    options = CompareOptions(init="article")
    found = {fork.name: fork.options.init for fork in forks(options, ["init"])}
    assert found["relu"] == "article,weight_hh=orthogonal"
    assert found["relu-identity"] == "article,weight_hh=identity,bias=zero"


def test_compare_writes_event_files_of_each_variant(cli, corpus, tmp_path):
    pytest.importorskip("tensorboardX")
    tiny = [*TINY[:-1], "1"]
    assert cli("compare", corpus, "--out", "c", "--variant", "a", "--tensorboard", "--quiet", *tiny).code == 0
    assert list((tmp_path / "c" / "a" / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("vary", "more", "expected"),
    [
        ("clipping", [], {"unclipped": {"clip-norm": None, "clip-value": None},
                          "clipped": {"clip-norm": "1", "clip-value": None}}),
        ("clipping", ["--clip-value", "2"], {"unclipped": {"clip-norm": None, "clip-value": None},
                                             "clipped": {"clip-norm": None, "clip-value": 2.0}}),
        ("starts", [], {"default": {"init": "default"}, "article": {"init": "article"},
                        "orthogonal": {"init": "weight_hh=orthogonal"}, "forget-bias": {"init": "bias_f=1"}}),
        ("starts", ["--cell", "rnn"], {"default": {"init": "default"}, "article": {"init": "article"},
                                       "orthogonal": {"init": "weight_hh=orthogonal"},
                                       "identity": {"init": "weight_hh=identity,bias=zero"}}),
        ("truncations", [], {"window-1": {"truncation": "window:1", "seq-len": 10},
                             "window-5": {"truncation": "window:5", "seq-len": 10},
                             "chunk-10": {"truncation": "chunk:10", "seq-len": None},
                             "chunk-10-20": {"truncation": "chunk:10,20", "seq-len": None}}),
    ],
)  # fmt: skip
def test_compare_has_ready_sets(cli, corpus, vary, more, expected):
    tiny = [*TINY[:-1], "1"]
    result = cli("compare", corpus, "--out", "c", "--vary", vary, "--json", "--quiet", *tiny, *more)
    assert {name: each["options"] for name, each in variants_of(result).items()} == expected


def test_compare_joins_sets_and_what_is_spelled_out(cli, corpus):
    tiny = [*TINY[:-1], "1"]
    result = cli(
        "compare",
        corpus,
        "--vary",
        "clipping",
        "--variant",
        "x: --clip-norm auto",
        "--json",
        "--quiet",
        *tiny,
    )
    assert list(variants_of(result)) == ["unclipped", "clipped", "x"]
    assert json.loads(result.out)["comparison"] == "runs/text-compared"


def test_a_variant_s_options_repeat_its_run(compared, cli):
    file = compared / "gru" / "options.toml"
    assert tomllib.loads(file.read_text(encoding="utf-8"))["cell"] == "gru"
    result = cli("train", "--config", file, "--out", "again", "--json", "--quiet")
    assert result.code == 0
    record = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    assert json.loads(result.out)["val_loss"] == record["variants"][-1]["val_loss"]


@pytest.fixture
def stopped_at_b(monkeypatch):
    """Interrupts a comparison as its variant b begins, once; tells which variants were begun."""
    from throughtime.compare import comparison

    begun = []
    real = comparison.train_variant

    def train_variant(variant, *others):
        begun.append(variant.name)
        if begun == ["a", "b"]:
            raise KeyboardInterrupt
        return real(variant, *others)

    monkeypatch.setattr(comparison, "train_variant", train_variant)
    return begun


TWO = ("--variant", "a", "--variant", "b: --cell gru --lr 0.01")


def test_compare_resumes_by_itself(cli, corpus, tmp_path, stopped_at_b):
    stopped = cli("compare", corpus, "--out", "c", *TWO, "--quiet", *TINY)
    assert stopped.code == 130
    assert stopped.err.strip().endswith("Go on with: throughtime compare --resume --out c")
    result = cli("compare", "--resume", "--out", "c", "--json", "--quiet")
    assert result.code == 0
    assert stopped_at_b == ["a", "b", "b"]
    assert variants_of(result)["b"]["state"] == "finished"
    assert tt.load(tmp_path / "c" / "b").config["training"]["optimizer"]["lr"] == 0.01


def test_compare_resumes_from_another_directory(cli, corpus, tmp_path, stopped_at_b, monkeypatch):
    assert cli("compare", corpus.name, "--out", "c", *TWO, "--quiet", *TINY).code == 130
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("compare", "--resume", "--out", "../c", "--quiet").code == 0
    assert stopped_at_b == ["a", "b", "b"]


def test_compare_resumes_with_a_text_that_has_moved(cli, corpus, tmp_path, stopped_at_b):
    assert cli("compare", corpus, "--out", "c", *TWO, "--quiet", *TINY).code == 130
    corpus.rename(tmp_path / "moved.txt")
    gone = cli("compare", "--resume", "--out", "c", "--quiet")
    assert gone.code == 2
    assert "text.txt" in gone.err
    (tmp_path / "other.txt").write_text("another text\n" * 80)
    other = cli("compare", "other.txt", "--resume", "--out", "c", "--quiet")
    assert other.code == 2
    assert "is not the text that c was begun with" in other.err
    assert cli("compare", "moved.txt", "--resume", "--out", "c", "--quiet").code == 0
    assert stopped_at_b == ["a", "b", "b"]


def test_compare_resumes_a_text_from_standard_input_only_where_it_is_piped_again(
    cli, stopped_at_b, monkeypatch
):
    def pipe():
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))

    pipe()
    assert cli("compare", "-", "--out", "c", *TWO, "--quiet", *TINY).code == 130
    refused = cli("compare", "--resume", "--out", "c", "--quiet")
    assert refused.code == 2
    assert refused.err == (
        "throughtime: the text of c came from standard input; expected it once more, to go on. Pipe it again: throughtime "
        "compare - --resume --out c\n"
    )
    pipe()
    assert cli("compare", "-", "--resume", "--out", "c", "--quiet").code == 0
    assert cli("compare", "--resume", "--out", "c", "--quiet").code == 0  # nothing is left to be read


def test_compare_tells_a_finished_comparison_again_without_its_text(cli, corpus):
    first = cli("compare", corpus, "--out", "c", "--variant", "a", "--quiet", *TINY)
    corpus.unlink()
    page = Path("c/compare.html")
    content = page.read_text(encoding="utf-8")
    page.unlink()
    again = cli("compare", "--resume", "--out", "c")
    assert (again.code, again.out, again.err) == (0, first.out, "")
    assert page.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(variants=[]),
        lambda record: record["variants"][0].pop("settings"),
        lambda record: record["variants"][0].update(horizon_last="12"),
        lambda record: record["variants"][0].update(parameters=None),
        lambda record: record["variants"][0].update(state="to come", options={"no-option": 1}),
        lambda record: record["variants"][0].update(state="to come", options={"hidden-size": "many"}),
        lambda record: record["variants"][0].update(state="to come", options={"init": 3}),
        lambda record: record["setting"].update(files=3) or record["variants"][0].update(state="to come"),
    ],
)  # fmt: skip
def test_compare_refuses_a_damaged_record_in_one_line(compared, cli, tmp_path, change):
    record = json.loads((compared / "compare.json").read_text(encoding="utf-8"))
    change(record)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "compare.json").write_text(json.dumps(record))
    result = cli("compare", "--resume", "--out", "c", "--quiet")
    assert result.code == 2
    assert "ompare" in result.err.partition("expected")[2]
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--variant", "a: --seed 3"], "variant a: --seed found; expected it outside of --variant, as it is one for all"),
        (["--variant", "a: other.txt"], "variant a: a text found; expected it outside of --variant"),
        (["--variant", "a: --cel rnn"], "variant a: --cel is unknown; expected an option of throughtime train. Did you mean --cell?"),
        (["--variant", "a: --help"], "variant a: --help is unknown"),
        (["--variant", "a: --hidden-size 0"], "variant a: --hidden-size is 0; expected a whole number of at least 1"),
        (["--variant", "a: --nonlinearity tanh"], "variant a: --nonlinearity tanh found with --cell lstm"),
        (["--variant", "a: --init weight_xx=zero"], "variant a: "),
        (["--variant", "a: --init 'x"], "variant a: --init 'x found (No closing quotation)"),
        (["--variant", "a/b"], "the variant name 'a/b' found"),
        (["--variant", "a", "--variant", "A"], "the variant name A found twice"),
        (["--vary", "cells,colours"], "--vary colours found; expected one of cells, clipping, starts, truncations"),
        (["--cell", "gru"], "--cell found with --vary cells; expected it to be left open"),
        (["--vary", "starts", "--init", "article"], "--init found with --vary starts"),
        (["--init", "bias_f=1"], "variant tanh: "),
        (["--resume"], "--resume found alone; expected the comparison to go on with. Add --out OUT."),
        (["--resume", "--out", "c", "--lr", "1"], "--lr found with --resume; expected no setting"),
        (["--resume", "--out", "c"], "c holds no compare.json; expected a comparison to go on with"),
        (["--batch-size", "3000"], "the training part of the text"),
    ],
)  # fmt: skip
def test_compare_refuses_in_one_line_before_anything_is_written(cli, corpus, tmp_path, arguments, found):
    before = sorted(tmp_path.iterdir())
    result = cli("compare", corpus, *arguments)
    assert result.code == 2
    assert result.err.startswith(f"throughtime: {found}")
    assert result.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_compare_resumes_only_what_the_command_line_has_begun(cli, corpus, tmp_path):
    from throughtime.compare import Variant, compare

    training = {"max_steps": 1, "batch_size": 4, "seq_len": 10}
    compare([Variant(name="a", model={"hidden_size": 4}, training=training)], TEXT, out=tmp_path / "c")
    result = cli("compare", corpus, "--resume", "--out", "c")
    assert result.code == 2
    assert "c has no options of throughtime compare" in result.err
