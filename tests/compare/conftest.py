"""Two small variants over a small text, compared once for all tests that only look."""

import json
from pathlib import Path
from typing import Any

import pytest

import throughtime as tt
from throughtime.compare import Comparison, Outcome, Variant, compare
from throughtime.compare.outcome import State

TEXT = "the cat sat on the mat. it saw a rat.\nthe rat ran, and the cat ran after it.\n\n" * 8
STEPS = 20
CLIP = tt.ClipNorm(0.7)


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


@pytest.fixture(scope="session")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Networks of two layers, clipped now and then; the second's gradient does not fall at first. Not to be changed."""
    tall = {"num_layers": 2}
    level = {"nonlinearity": "relu", "init": "default,weight_hh=identity,bias=zero", **tall}
    return compare(
        [variant("tanh", model=tall, clip=CLIP), variant("level", model=level, clip=CLIP)],
        TEXT,
        out=tmp_path_factory.mktemp("compare") / "deep",
    )


def outcome(name: str = "a", state: State = "finished", **numbers: Any) -> Outcome:
    """An outcome with the given numbers, and no others."""
    return Outcome(variant=name, state=state, parameters=10, **numbers)


def records(run: Path, file: str) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl or flow.jsonl."""
    return [json.loads(line) for line in (run / file).read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def text() -> str:
    return TEXT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "comparison"
