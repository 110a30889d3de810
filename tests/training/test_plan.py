from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import ArgumentError
from throughtime.optim import HalveOnRise
from throughtime.training.plan import Plan

SETTINGS: dict[str, Any] = {
    "optimizer": tt.Adam(2e-3),
    "truncation": None,
    "clip": None,
    "schedule": None,
    "by": "stream",
    "batch_size": 32,
    "seq_len": None,
    "epochs": 10,
    "max_steps": None,
    "val_fraction": 0.1,
    "eval_every": None,
    "patience": None,
    "flow_every": None,
    "average": None,
    "omega": 0.0,
    "reduction": "mean",
    "seed": 0,
    "checkpoint_every": None,
    "keep_checkpoints": 3,
    "on_incident": "stop",
    "threads": 1,
    "precision": "full",
}


def plan(**settings: Any) -> Plan:
    return Plan.of(**{**SETTINGS, **settings})


@pytest.mark.parametrize(
    ("settings", "truncation", "seq_len"),
    [
        ({}, tt.Chunk(50), 50),
        ({"seq_len": 20}, tt.Chunk(20), 20),
        ({"truncation": tt.Chunk(7)}, tt.Chunk(7), 7),
        ({"truncation": tt.Full()}, tt.Full(), 50),
        ({"truncation": tt.Window(4), "seq_len": 30}, tt.Window(4), 30),
        ({"by": "sentence"}, tt.Full(), None),
        ({"by": "sentence", "truncation": tt.Chunk(7)}, tt.Chunk(7), None),
    ],
)
def test_plan_settles_how_far_the_gradient_goes(settings, truncation, seq_len):
    found = plan(**settings)
    assert (found.truncation, found.seq_len) == (truncation, seq_len)


def test_plan_counts_steps():
    assert plan(epochs=3).steps(100) == 300
    assert plan(epochs=3, max_steps=120).steps(100) == 120
    assert plan(epochs=3, max_steps=1000).steps(100) == 300
    assert plan(epochs=None, max_steps=2000).steps(100) == 2000
    assert plan(epochs=None).steps(100) == 1000


def test_plan_evaluates_some_twenty_times_at_least_once_an_epoch_and_at_little_cost():
    # 100 steps an epoch of 90 tokens, 1000 tokens held out: one evaluation costs 3.7 steps' worth.
    assert plan(epochs=40).interval(100, 9000, 1000) == 100
    assert plan(epochs=10).interval(100, 9000, 1000) == 50
    assert plan(epochs=1).interval(100, 9000, 1000) == 38
    assert plan(epochs=1, eval_every=7).interval(100, 9000, 1000) == 7
    assert plan(epochs=1, max_steps=1).interval(1, 9000, 0) == 1


def test_plan_records_every_setting():
    record = plan(clip=tt.ClipNorm(2.0), schedule=HalveOnRise(), truncation=tt.Window(3)).record()
    assert record == {
        "by": "stream",
        "batch_size": 32,
        "seq_len": 50,
        "truncation": "window:3",
        "reduction": "mean",
        "optimizer": {"name": "adam", "lr": 2e-3, "betas": [0.9, 0.999], "eps": 1e-8},
        "schedule": "halve",
        "clip": {"name": "norm", "theta": 2.0},
        "epochs": 10,
        "max_steps": None,
        "val_fraction": 0.1,
        "eval_every": None,
        "patience": None,
        "flow_every": None,
        "average": None,
        "omega": 0.0,
        "seed": 0,
        "checkpoint_every": None,
        "keep_checkpoints": 3,
        "on_incident": "stop",
        "threads": 1,
        "precision": "full",
    }


@pytest.mark.parametrize(
    ("settings", "look_back", "within"),
    [
        ({}, 0, tt.Full()),
        ({"truncation": tt.Chunk(7, 20)}, 13, tt.Full()),
        ({"truncation": tt.Window(4)}, 0, tt.Window(4)),
        ({"by": "sentence", "truncation": tt.Chunk(7, 20)}, 0, tt.Chunk(7, 20)),
    ],
)
def test_plan_turns_a_stream_s_chunks_into_updates(settings, look_back, within):
    found = plan(**settings)
    assert (found.look_back, found.within_update) == (look_back, within)


def test_plan_refuses_two_lengths_of_an_update():
    with pytest.raises(ArgumentError, match=r"seq_len=5 found with Chunk\("):
        plan(seq_len=5, truncation=tt.Chunk(7))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "halve"}, "schedule 'halve' found; expected a schedule or None"),
        ({"val_fraction": "a tenth"}, "val_fraction 'a tenth' found; expected a number"),
        ({"val_fraction": None}, "val_fraction None found; expected a number"),
        ({"omega": -1.0}, "omega=-1.0 found; expected a finite number of at least 0"),
        ({"on_incident": "pray"}, "on_incident 'pray' found; expected one of stop, skip, rollback"),
        ({"threads": 0}, "threads=0"),
        ({"threads": 9, "batch_size": 8}, "threads=9 found with batch_size=8"),
        ({"keep_checkpoints": 0}, "keep_checkpoints=0"),
        ({"checkpoint_every": 0}, "checkpoint_every=0"),
        ({"patience": 2, "val_fraction": 0}, "patience=2 found with val_fraction=0"),
        ({"average": 2, "val_fraction": 0}, "average=2 found with val_fraction=0"),
    ],
)
def test_plan_refuses_a_setting_of_another_kind(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        plan(**settings)


def test_plan_takes_numpy_numbers() -> None:
    made = plan(seed=np.int64(3), val_fraction=np.float32(0.5))
    assert (made.seed, made.val_fraction) == (3, 0.5)
