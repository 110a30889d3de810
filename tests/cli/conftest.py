"""The command line, called in this process as the console script calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from throughtime.cli.main import main

TEXT = "the cat sat on the mat. it saw a rat.\nthe rat ran, and the cat ran after it.\n\n" * 12
SMALL = ["--hidden-size", "12", "--batch-size", "4", "--seq-len", "20", "--lr", "0.02"]


class Result(NamedTuple):
    """What a call left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call the command line, from an empty working directory."""
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def call(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory; not to be changed."""
    place = tmp_path_factory.mktemp("cli")
    (place / "text.txt").write_text(TEXT, encoding="utf-8")
    out = place / "run"
    code = main(
        ["train", str(place / "text.txt"), "--out", str(out), "--epochs", "2", "--quiet", "--json", *SMALL]
    )
    assert code == 0
    return out
