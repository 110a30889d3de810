"""`throughtime article`: it reads the file, speaks the language, and keeps JSON apart from the page."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from throughtime.cli.article import article
from throughtime.errors import TextError

app = typer.Typer()
app.command()(article)


@pytest.fixture
def rhyme(tmp_path: Path) -> str:
    file = tmp_path / "rhyme.txt"
    file.write_text("A cat sat on a mat.\n", encoding="utf-8")
    return str(file)


def test_article_writes_the_page_to_stdout(rhyme: str) -> None:
    done = CliRunner().invoke(app, [rhyme, "--lang", "vi"])
    assert done.exit_code == 0, done.output
    assert "Mất mát đạo hàm" in done.stdout
    assert "rhyme.txt" in done.stdout
    assert done.stderr == ""


def test_article_as_json_writes_one_object_to_stdout_and_the_page_to_stderr(rhyme: str) -> None:
    done = CliRunner().invoke(app, [rhyme, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["corpus"]["name"] == "rhyme.txt"
    assert len(done.stdout.splitlines()) == 1
    assert "The vanishing gradient" in done.stderr


def test_article_reads_standard_input() -> None:
    done = CliRunner().invoke(app, ["-", "--json"], input="A dog saw a cat.")
    assert json.loads(done.stdout)["forward"]["words"] == [
        "<s>",
        *["A", "dog", "saw", "a", "cat", "."],
        "</s>",
    ]


def test_article_of_a_missing_file_or_another_language_is_refused(tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, [str(tmp_path / "none.txt")])
    assert isinstance(missing.exception, TextError)
    assert "does not exist" in str(missing.exception)
    assert CliRunner().invoke(app, ["--lang", "fr"]).exit_code == 2
