"""Two small variants over a small text, compared once for all tests that only look."""

from pathlib import Path
from typing import Any

import pytest

import throughtime as tt
from throughtime.compare import Comparison, Variant, compare

TEXT = "the cat sat on the mat. it saw a rat.\nthe rat ran, and the cat ran after it.\n\n" * 8
STEPS = 20


def variant(name: str, cell: str = "rnn", model: Any = None, **training: Any) -> Variant:
    """A variant that learns for a moment."""
    settings = {"max_steps": STEPS, "batch_size": 4, "seq_len": 10, "optimizer": tt.Adam(0.02), **training}
    return Variant(
        name=name, model={"hidden_size": 6, "cell": cell, "seed": 0, **(model or {})}, training=settings
    )


def bursting(name: str = "burst") -> Variant:
    """A variant whose first update throws the weights to infinity."""
    return variant(name, model={"nonlinearity": "relu"}, optimizer=tt.SGD(1e20))


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A tanh network, one that diverges, and a GRU; not to be changed."""
    return compare(
        [variant("tanh"), bursting(), variant("gru", "gru")],
        TEXT,
        out=tmp_path_factory.mktemp("compare") / "c",
    )


@pytest.fixture
def text() -> str:
    return TEXT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "comparison"
