"""What a user may get wrong: one line with what was found, what was expected and what to do; exit code 2; no harm."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.test_main import run_process

import throughtime as tt


def contents(place: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}


@pytest.fixture
def refused(cli, tmp_path):
    """Call with bad input; return its one line."""

    def call(*arguments: object) -> str:
        before = contents(tmp_path)
        result = cli(*arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.count("\n") == 1
        assert result.err.startswith("throughtime: ")
        assert "; expected " in result.err
        assert result.err.rstrip().endswith(".")
        assert contents(tmp_path) == before
        return result.err

    return call


FILES = {
    "missing": (None, "does not exist; expected a text file"),
    "empty": (b"", "is empty; expected text. Give another file."),
    "blank": (b" \n\n\t", "is empty; expected text. Give another file."),
    "binary": (b"PNG\0\1\2\3", "is binary: a NUL byte at offset 3; expected UTF-8 text"),
    "invalid UTF-8": (b"caf\xe9 au lait", "is not UTF-8: byte 0xe9 at offset 3; expected UTF-8 text"),
    "UTF-16": ("text".encode("utf-16"), "is UTF-16; expected UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_bad_file_is_refused_by_every_verb(content, message, refused, trained, tmp_path):
    file = tmp_path / "text.txt"
    if content is not None:
        file.write_bytes(content)
    assert message in refused("train", file, "--out", "run")
    assert message in refused("eval", trained, file)
    assert message in refused("article", file)


def test_directory_without_text_is_refused(refused, trained, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is a directory with no files; expected text files in it" in refused("train", empty)
    assert "is a directory with no files; expected text files in it" in refused("eval", trained, empty)


def test_text_too_short_is_refused(refused, trained, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("ab")
    assert "has 2 tokens; expected at least" in refused("train", file)
    assert "has 1 sentences; expected at least 2" in refused("train", file, "--by", "sentence")
    file.write_text("a short text")
    assert "tokens; expected at least 33 for batch_size 32" in refused("train", file)
    file.write_text("a")
    assert "has 1 tokens; expected at least 2" in refused("eval", trained, file)


SETTINGS = [
    (["--truncation", "window:-1"], "--truncation window:-1 found; expected full, window:K with K of at least 0"),
    (["--truncation", "chunk:0"], "--truncation chunk:0 found; expected full, window:K with K of at least 0, chunk:K with K of at least 1"),
    (["--truncation", "window"], "--truncation window found; expected full, window:K"),
    (["--truncation", "auto:0"], "--truncation auto:0 found; expected full, window:K"),
    (["--vocab-size", "0"], "--vocab-size is 0; expected a whole number of at least 4"),
    (["--hidden-size", "0"], "--hidden-size is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--num-layers", "-2"], "--num-layers is -2; expected a whole number of at least 1. See throughtime train --help."),
    (["--embedding-size", "0"], "--embedding-size is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--dropout", "1", "--num-layers", "2"], "--dropout is 1; expected a number from 0 to below 1"),
    (["--dropout", "1.5"], "--dropout is 1.5; expected a number from 0 to below 1"),  # not that there is one layer
    (["--dropout", "nan"], "--dropout is nan; expected a number from 0 to below 1"),
    (["--batch-size", "0"], "--batch-size is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--seq-len", "0"], "--seq-len is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--lr", "-1"], "--lr is -1; expected a finite number above 0"),
    (["--lr", "nan"], "--lr is nan; expected a finite number above 0"),
    (["--clip-norm", "0"], "--clip-norm 0 found; expected a finite number above 0, auto, or auto:MULTIPLE"),
    (["--clip-norm", "auto:1"], "--clip-norm auto:1 found; expected a finite number above 0"),
    (["--clip-value", "0"], "--clip-value is 0; expected a finite number above 0"),
    (["--schedule", "cosin"], "--schedule cosin: schedule 'cosin' has 'cosin'; expected constant, halve, exponential:RATE"),
    (["--clip-value", "nan"], "--clip-value is nan; expected a finite number above 0"),
    (["--omega", "-1"], "--omega is -1; expected a finite number of at least 0"),
    (["--omega", "1"], "--omega 1 found with --cell lstm; expected it with --cell rnn only"),
    (["--patience", "0"], "--patience is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--average", "0"], "--average is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--patience", "3", "--val-fraction", "0"], "--patience 3 found with --val-fraction 0; expected a validation text"),
    (["--checkpoint-every", "0"], "--checkpoint-every is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--keep-checkpoints", "0"], "--keep-checkpoints is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--threads", "0"], "--threads is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--unit", "bpe", "--vocab-size", "100"], "--vocab-size 100 found with --unit bpe; expected at least 259"),
    (["--epochs", "0"], "--epochs is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--max-steps", "0"], "--max-steps is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--val-fraction", "1"], "--val-fraction is 1; expected a number from 0 to below 1"),
    (["--eval-every", "0"], "--eval-every is 0; expected a whole number of at least 1. See throughtime train --help."),
    (["--seed", "-1"], "--seed is -1; expected a whole number of at least 0"),
    (["--schedule", "exponential:0"], "--schedule exponential:0: rate is 0; expected a number above 0"),
    (["--weight-decay", "-1", "--optimizer", "adamw"], "--weight-decay is -1; expected a finite number of at least 0"),
    (["--momentum", "1", "--optimizer", "momentum"], "--momentum is 1; expected a number from 0 to below 1"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), SETTINGS)
def test_setting_out_of_range_is_refused_before_the_text_is_read(options, message, refused):
    assert message in refused("train", "missing.txt", "--out", "run", *options)


def test_output_that_holds_a_run_or_is_a_file_is_refused_and_kept(refused, corpus, trained):
    before = contents(trained)
    assert "already holds checkpoints; expected a new or empty directory" in refused(
        "train", corpus, "--out", trained
    )
    assert contents(trained) == before
    assert "is a file; expected a new or empty directory" in refused("train", corpus, "--out", corpus)
    assert "is a file; expected a directory to make" in refused("train", corpus, "--out", corpus / "run")


def copy_run(run: Path, place: Path) -> Path:
    return shutil.copytree(run, place / "copy")


@pytest.mark.parametrize("verb", ["generate", "eval"])
def test_run_directory_that_cannot_be_used_is_refused(verb, refused, trained, corpus, tmp_path):
    more = [corpus] if verb == "eval" else []
    assert "nowhere does not exist; expected a run directory" in refused(verb, "nowhere", *more)
    assert "is not a directory; expected a run directory" in refused(verb, corpus, *more)
    assert "holds no config.json; expected a run directory" in refused(verb, tmp_path, *more)
    run = copy_run(trained, tmp_path)
    weights = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").unlink()
    assert "holds no model.safetensors; expected a trained model" in refused(verb, run, *more)
    for damaged in (b"", weights[:100], b"\x80" * 500, weights[:-1]):
        (run / "model.safetensors").write_bytes(damaged)
        assert "model.safetensors is damaged" in refused(verb, run, *more)


def test_bare_ids_run_is_refused_by_verbs_that_need_text(refused, corpus, tmp_path):
    tt.fit(tt.LanguageModel(5, 4, seed=0), np.arange(90) % 5, max_steps=1, out=tmp_path / "run")
    assert "bare token ids; expected a run with a tokenizer" in refused("generate", "run")
    assert "bare token ids; expected a run with a tokenizer" in refused("eval", "run", corpus)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt", "QX"], "the prompt has 'Q', 'X', which the model has never seen; expected"),
        (
            ["--length", "0"],
            "--length is 0; expected a whole number of at least 1. See throughtime generate --help.",
        ),
        (["--temperature", "-1"], "--temperature is -1; expected a finite number"),
        (["--top-k", "0"], "--top-k is 0; expected a whole number of at least 1"),
        (["--top-p", "2"], "--top-p is 2; expected a probability above 0 and at most 1"),
        (["--seed", "-4"], "--seed is -4; expected a whole number of at least 0"),
    ],
)
def test_generate_refuses_a_setting_out_of_range(options, message, refused, trained):
    assert message in refused("generate", trained, *options)


def test_token_ids_out_of_range_are_refused_by_bptt():
    model = tt.LanguageModel(5, 4, seed=0)
    good = np.zeros((3, 1), int)
    for bad in (5, -1, 10**9):
        with pytest.raises(
            tt.TokenError, match=rf"inputs\[0, 0\] is {bad}; expected a token id from 0 to 4"
        ) as caught:
            tt.bptt(model, np.full((3, 1), bad), good)
        assert "\n" not in str(caught.value)
        with pytest.raises(tt.TokenError, match=rf"{bad}.*expected"):
            tt.bptt(model, good, np.full((3, 1), bad))


@pytest.mark.parametrize("arguments", [["train", "nowhere.txt"], ["generate", "nowhere"], ["eval", "a", "b"]])
def test_bad_input_in_a_process_of_its_own(arguments, tmp_path):
    result = run_process(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "does not exist; expected" in result.stderr
    assert list(tmp_path.iterdir()) == []
