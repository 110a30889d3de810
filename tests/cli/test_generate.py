import json
import subprocess
import sys

from tests.cli.test_main import CONSOLE_SCRIPT

import throughtime as tt


def test_generate_writes_the_prompt_and_what_follows(cli, trained):
    result = cli("generate", trained, "--prompt", "the ", "--length", 40, "--seed", 1)
    assert (result.code, result.err) == (0, "")
    run = tt.load(trained)
    assert result.out == tt.generate(run.model, run.tokenizer, "the ", 40, seed=1) + "\n"


def test_generate_hands_every_option_on(cli, trained):
    run = tt.load(trained)
    result = cli(
        "generate", trained, "--length", 30, "--temperature", 0.5, "--top-k", 5, "--top-p", 0.9, "--seed", 3
    )  # fmt: skip
    expected = tt.generate(run.model, run.tokenizer, "", 30, temperature=0.5, top_k=5, top_p=0.9, seed=3)
    assert result.out == expected + "\n"


def test_generate_json_is_one_object(cli, trained):
    result = cli("generate", trained, "--length", 10, "--seed", 1, "--json")
    found = json.loads(result.out)
    assert len(found["text"]) == 10
    assert (found["seed"], found["length"], found["run"]) == (1, 10, str(trained))


def test_generate_writes_as_it_goes(trained):
    # The first characters come while there are far more to be made than a pipe's buffer holds.
    process = subprocess.Popen(
        [sys.executable, "-c", CONSOLE_SCRIPT, "generate", str(trained), "--length", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert len(process.stdout.read(5)) == 5
    finally:
        process.kill()
        process.stdout.close()
        process.wait(timeout=60)


def test_generate_reads_as_the_model_was_trained(cli, corpus):
    common = ["--unit", "word", "--hidden-size", 8, "--batch-size", 4, "--max-steps", 1]
    assert cli("train", corpus, "--out", "run", "--by", "sentence", *common).code == 0
    run = tt.load("run")
    expected = tt.generate(run.model, run.tokenizer, "the cat", 20, seed=2, by="sentence")
    assert cli("generate", "run", "--prompt", "the cat", "--length", 20, "--seed", 2).out == expected + "\n"
