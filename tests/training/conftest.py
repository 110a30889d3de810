"""A text, and a run over it, small enough for every test."""

import shutil
from pathlib import Path

import pytest

import throughtime as tt
from throughtime.training.run import Run

# Two lines that differ, so that there is something to learn, and to tell apart.
TEXT = "the cat sat on the mat. it saw a rat.\nthe rat ran, and the cat ran after it.\n\n" * 12


@pytest.fixture
def text() -> str:
    return TEXT


@pytest.fixture
def tokenizer(text: str) -> tt.Tokenizer:
    return tt.Tokenizer.train(text)


@pytest.fixture
def model(tokenizer: tt.Tokenizer) -> tt.LanguageModel:
    return small_model(tokenizer)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run; not to be changed."""
    tokenizer = tt.Tokenizer.train(TEXT)
    out = tmp_path_factory.mktemp("trained") / "run"
    return tt.fit(
        small_model(tokenizer),
        TEXT,
        tokenizer=tokenizer,
        optimizer=tt.Adam(0.02),
        clip=tt.ClipNorm(1.0),
        batch_size=4,
        seq_len=20,
        epochs=3,
        out=out,
    )


@pytest.fixture
def copied(trained: Run, tmp_path: Path) -> Path:
    """A copy of the finished run's directory, to be damaged."""
    assert trained.path is not None
    return Path(shutil.copytree(trained.path, tmp_path / "copy"))


def small_model(tokenizer: tt.Tokenizer, seed: int = 0) -> tt.LanguageModel:
    return tt.LanguageModel(tokenizer.vocab_size, 12, cell="gru", seed=seed)
