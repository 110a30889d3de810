import math

import pytest

from throughtime.training.pace import Pace


def test_pace_leaves_the_first_step_out():
    pace = Pace(steps=10, evaluations=0)
    pace.step(100, 60.0)  # compiles
    pace.step(100, 0.5)
    assert pace.tokens_per_second == 200
    assert pace.overall == 200
    assert pace.seconds_left == pytest.approx(8 * 0.5)


def test_pace_follows_a_change():
    pace = Pace(steps=1000, evaluations=0)
    for _ in range(3):
        pace.step(100, 0.1)
    for _ in range(300):
        pace.step(100, 0.2)
    assert pace.tokens_per_second == pytest.approx(500, rel=0.01)
    assert pace.seconds_left == pytest.approx(697 * 0.2, rel=0.01)


def test_pace_counts_the_evaluations_to_come():
    pace = Pace(steps=4, evaluations=3)
    pace.step(10, 1.0)
    pace.step(10, 1.0)
    pace.evaluation(5.0)
    assert pace.seconds_left == pytest.approx(2 * 1.0 + 2 * 5.0)


def test_pace_survives_a_clock_that_stands_still():
    pace = Pace(steps=3, evaluations=0)
    for _ in range(3):
        pace.step(10, 0.0)
    assert pace.seconds_left == 0
    assert pace.tokens_per_second > 0


def test_pace_of_one_step_is_that_step_s_but_not_shown():
    pace = Pace(steps=1, evaluations=0)
    assert math.isnan(pace.overall)
    pace.step(10, 2.0)
    assert pace.overall == 5
    assert math.isnan(pace.tokens_per_second)
    assert math.isnan(pace.seconds_left)
