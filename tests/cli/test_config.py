import tomllib

import pytest
from tests.cli.conftest import SMALL

from throughtime.cli.kept_options import as_toml


@pytest.fixture
def train(cli, corpus, tmp_path):
    """Train by a configuration, and what the command line adds."""

    def call(text: str, *more: object):
        (tmp_path / "my.toml").write_text(text, encoding="utf-8")
        return cli("train", "--config", "my.toml", *more)

    return call


BASE = 'files = ["text.txt"]\nhidden-size = 12\nbatch_size = 4\nmax-steps = 2\n'


def options(place) -> dict:
    return tomllib.loads((place / "options.toml").read_text(encoding="utf-8"))


def test_config_gives_the_options_that_the_command_line_does_not(train, tmp_path):
    text = BASE + 'cell = "gru"\nlr = 1\ntied = true\nclip-norm = 5\ninput = "embedding"\nout = "run"\n'
    assert train(text, "--cell", "rnn", "--max-steps", 1).code == 0
    found = options(tmp_path / "run")
    assert (found["cell"], found["max-steps"]) == ("rnn", 1)  # the command line's
    assert (found["hidden-size"], found["batch-size"], found["lr"], found["tied"]) == (12, 4, 1.0, True)
    assert (found["clip-norm"], found["input"]) == ("5", "embedding")


def test_config_s_files_give_way_to_the_command_line_s(train, corpus, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(corpus.read_text(encoding="utf-8"), encoding="utf-8")
    assert train(BASE, other, "--out", "run").code == 0
    assert options(tmp_path / "run")["files"] == [str(other)]


def test_a_run_s_options_repeat_it(cli, corpus, tmp_path):
    arguments = ["--unit", "word", "--vocab-size", 20, "--clip-norm", "auto:3", "--max-steps", 5, "--json"]
    assert cli("train", "text.txt", "--out", "one", *arguments, *SMALL).code == 0
    assert cli("train", "--config", "one/options.toml", "--out", "two", "--quiet").code == 0
    assert options(tmp_path / "one") == options(tmp_path / "two")
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_run_s_options_are_what_took_effect(cli, corpus, tmp_path):
    assert cli("train", "text.txt", "--out", "run", "--unit", "word", "--max-steps", 1, "--quiet").code == 0
    found = options(tmp_path / "run")
    assert (found["lr"], found["vocab-size"], found["files"]) == (0.002, 8000, [str(corpus)])
    assert found.keys().isdisjoint({"out", "quiet", "json", "resume", "config", "nonlinearity"})


def test_as_toml_asks_for_standard_input_again():
    file = as_toml({"files": ["-"], "seed": 3}).decode()
    assert tomllib.loads(file) == {"seed": 3}
    assert file.startswith(
        "# The text came from standard input: give it again, as throughtime train - --config"
    )


BAD = {
    "no TOML": ("cell = gru", 'my.toml is no TOML (Invalid value (at line 1, column 8)); expected lines such as'),
    "a table": ("[model]\ncell = 'gru'", "my.toml has the table [model]; expected lines such as hidden-size = 128, as tables are not used. Write the keys at the top level."),
    "an unknown key": ("hiden-size = 3", "has the key 'hiden-size'; expected an option of throughtime train. Did you mean hidden-size?"),
    "its own key": ('config = "a"', "has the key 'config'; expected an option"),
    "resume": ("resume = true", "has the key 'resume'; expected an option"),
    "a text for a number": ('epochs = "3"', 'my.toml has epochs = "3"; expected a whole number. Correct the file.'),
    "a fraction": ("epochs = 1.5", "has epochs = 1.5; expected a whole number"),
    "a truth for a number": ("epochs = true", "has epochs = true; expected a whole number"),
    "a text for a float": ('lr = "fast"', 'has lr = "fast"; expected a number'),
    "a wrong choice": ('cell = "foo"', 'has cell = "foo"; expected one of rnn, lstm, gru'),
    "a number for a choice": ("cell = 3", "has cell = 3; expected one of rnn, lstm, gru"),
    "a number for a flag": ("tied = 1", "has tied = 1; expected true or false"),
    "a list for a text": ('init = ["default"]', "has init = ['default']; expected a text in quotes"),
    "a text for a list": ('files = "text.txt"', 'has files = "text.txt"; expected a list of texts in quotes'),
    "numbers in a list": ("files = [1]", "has files = [1]; expected a list of texts in quotes"),
    "a value out of range": ("epochs = 0", "--epochs is 0; expected a whole number of at least 1"),
    "a truth for a number or a text": ("clip-norm = true", 'has clip-norm = true; expected a number or "auto". Correct'),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line"), BAD.values(), ids=BAD)
def test_config_that_is_wrong_is_told_in_one_line(text, line, train, tmp_path):
    before = sorted(tmp_path.iterdir())
    result = train(text, "text.txt")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert line in result.err
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "my.toml"])


def test_config_that_cannot_be_read_is_told_in_one_line(cli, tmp_path):
    missing = cli("train", "--config", "missing.toml")
    assert missing == (
        2, "", "throughtime: missing.toml does not exist; expected a TOML file of options. Check the path.\n",
    )  # fmt: skip
    (tmp_path / "latin.toml").write_bytes(b'cell = "caf\xe9"')
    assert "latin.toml is no TOML" in cli("train", "--config", "latin.toml").err
    assert "cannot be read (Is a directory)" in cli("train", "--config", tmp_path).err
