"""Schedules follow the losses they are shown, and nothing else."""

import math

import pytest

from throughtime.errors import ArgumentError
from throughtime.optim import Constant, HalveOnRise, schedule_from_spec


def rates(schedule: Constant | HalveOnRise, losses: list[float]) -> list[float]:
    lr, seen = 1.0, []
    for loss in losses:
        lr = schedule.after_evaluation(lr, loss)
        seen.append(lr)
    return seen


def test_constant_never_changes_the_rate() -> None:
    assert rates(Constant(), [3.0, 4.0, math.nan]) == [1.0, 1.0, 1.0]


def test_halve_on_rise_compares_with_the_evaluation_before() -> None:
    # 3.5 is above 3 but below the 4 just before it: no rise.
    assert rates(HalveOnRise(), [5.0, 3.0, 4.0, 3.5, 3.5, 3.6]) == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_halve_on_rise_takes_a_loss_that_is_not_finite_for_a_rise() -> None:
    assert rates(HalveOnRise(), [2.0, math.nan, 3.0, 2.5]) == [1.0, 0.5, 0.25, 0.25]
    assert rates(HalveOnRise(), [math.inf, 3.0]) == [0.5, 0.5]


def test_halve_on_rise_resumes_from_its_previous_loss() -> None:
    schedule = HalveOnRise()
    schedule.after_evaluation(1.0, 2.0)
    assert HalveOnRise(schedule.previous).after_evaluation(1.0, 2.1) == 0.5


def test_a_spec_names_a_schedule() -> None:
    assert type(schedule_from_spec("constant")) is Constant
    assert type(schedule_from_spec("halve")) is HalveOnRise


def test_an_unknown_spec_lists_the_choices() -> None:
    with pytest.raises(ArgumentError, match="'cosine' is unknown; expected one of constant, halve"):
        schedule_from_spec("cosine")
