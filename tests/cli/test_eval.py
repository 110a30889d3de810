import io
import json
import sys
from dataclasses import asdict

import pytest
from tests.cli.conftest import TEXT

import throughtime as tt


def test_eval_json_has_the_numbers_of_evaluate(cli, trained, corpus):
    run = tt.load(trained)
    expected = tt.evaluate(run.model, run.tokenizer, TEXT)
    found = json.loads(cli("eval", trained, corpus, "--json").out)
    assert found == {**asdict(expected), "run": str(trained), "file": str(corpus)}


def test_eval_prints_the_numbers(cli, trained, corpus):
    run = tt.load(trained)
    expected = tt.evaluate(run.model, run.tokenizer, TEXT)
    result = cli("eval", trained, corpus)
    assert (result.code, result.err) == (0, "")
    rows = [line.rsplit(maxsplit=4 if "nats" in line else 1) for line in result.out.splitlines()]
    assert rows[0][:2] == ["loss", f"{expected.loss:.4f}"]
    assert rows[1] == ["perplexity", f"{expected.perplexity:.4g}"]
    assert rows[2] == ["bits per char", f"{expected.bits_per_char:.4f}"]
    assert rows[3] == ["tokens", "935"]


def test_eval_hands_on_how_many_threads(cli, trained, corpus, monkeypatch):
    evaluate_loss, seen = tt.LanguageModel.evaluate_loss, []

    def spy(model, *batch, threads, **how):
        seen.append(threads)
        return evaluate_loss(model, *batch, threads=threads, **how)

    monkeypatch.setattr(tt.LanguageModel, "evaluate_loss", spy)
    one, two = (json.loads(cli("eval", trained, corpus, "--json", "--threads", n).out) for n in (1, 2))
    assert set(seen) == {1, 2}
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert (
        "--threads is 0; expected a whole number of at least 1"
        in cli("eval", trained, corpus, "--threads", 0).err
    )


def test_eval_tells_unknown_characters_and_no_bits(cli, trained, tmp_path):
    (tmp_path / "other.txt").write_text("the QUICK cat")
    out = cli("eval", trained, "other.txt").out
    assert "bits per char  - (5 unknown characters)\n" in out
    assert "12, of which unknown 5" in out


def test_eval_counts_a_single_unknown_character(cli, trained, tmp_path):
    (tmp_path / "other.txt").write_text("the Cat")
    assert "- (1 unknown character)\n" in cli("eval", trained, "other.txt").out


def test_eval_reads_standard_input(cli, trained, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert json.loads(cli("eval", trained, "-", "--json").out)["tokens"] == 935


def test_eval_of_the_held_out_text_is_what_training_reported(cli, trained, tmp_path):
    config = json.loads((trained / "config.json").read_text())
    held_out = TEXT[-(config["corpus"]["val_predictions"] + 1) :]
    (tmp_path / "held_out.txt").write_text(held_out)
    found = json.loads(cli("eval", trained, "held_out.txt", "--json").out)
    best = min(record["val_loss"] for record in tt.load(trained).history if "val_loss" in record)
    assert found["loss"] == pytest.approx(best, rel=1e-12)
