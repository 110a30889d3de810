from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import ArgumentError
from throughtime.optim import Constant, HalveOnRise
from throughtime.training.plan import Plan, describe_clip, describe_schedule, make_plan

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
    "reduction": "mean",
    "seed": 0,
}


def plan(**settings: Any) -> Plan:
    return make_plan(**{**SETTINGS, **settings})


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
        "clip": "norm 2",
        "epochs": 10,
        "max_steps": None,
        "val_fraction": 0.1,
        "eval_every": None,
        "seed": 0,
    }


def test_descriptions_know_a_user_s_own():
    class Mine:
        pass

    assert describe_clip(None) == "none"
    assert describe_clip(tt.ClipValue(0.5)) == "value 0.5"
    assert describe_clip(Mine()) == "Mine"
    assert describe_schedule(Constant()) == "constant"
    assert describe_schedule(Mine()) == "Mine"


def test_plan_refuses_two_lengths_of_an_update():
    with pytest.raises(ArgumentError, match=r"seq_len=5 found with Chunk\(k=7\)"):
        plan(seq_len=5, truncation=tt.Chunk(7))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "halve"}, "schedule 'halve' found; expected a schedule or None"),
        ({"val_fraction": "a tenth"}, "val_fraction 'a tenth' found; expected a number"),
        ({"val_fraction": None}, "val_fraction None found; expected a number"),
    ],
)
def test_make_plan_refuses_a_setting_of_another_kind(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        plan(**settings)


def test_make_plan_takes_numpy_numbers() -> None:
    made = plan(seed=np.int64(3), val_fraction=np.float32(0.5))
    assert (made.seed, type(made.seed), made.val_fraction, type(made.val_fraction)) == (3, int, 0.5, float)
