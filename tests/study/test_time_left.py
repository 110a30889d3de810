"""The time that a study will still take."""

import pytest
from tests.study.results import found, result

from throughtime.study.time_left import TimeLeft


def estimate(trials, ended, width=1):
    left = TimeLeft([each.planned for each in trials], {}, width, lambda: 0.0)
    for each in ended:
        left.add(each.planned, each.result)
    return left.seconds()


SHORT = found("sgd", 20, *[result(seconds=3.0), result(seconds=5.0)] * 2)
LONG = found("sgd", 40, *[result(seconds=50.0)] * 4)
CLIPPED = found("clipped", 40, *[result(seconds=10.0)] * 4, clip_norm="1")
ALL = [*SHORT, *LONG, *CLIPPED]


def test_before_the_first_there_is_nothing_to_go_by_and_after_the_last_nothing_left():
    assert estimate(ALL, []) is None
    assert estimate(ALL, ALL) == 0


def test_trials_last_as_long_as_those_of_their_way_and_length():
    assert estimate(SHORT, SHORT[:2]) == 2 * 4.0
    assert estimate(ALL, [*SHORT[:2], LONG[0], CLIPPED[0]]) == 2 * 4.0 + 3 * 50.0 + 3 * 10.0


def test_another_way_of_the_same_length_stands_in():
    assert estimate([*LONG, *CLIPPED], LONG) == 4 * 50.0


def test_of_another_length_some_of_the_updates_are_expected_each_in_proportion():
    # 16 seconds for 4 x 3,000 updates of 20 steps; the longer ones may make 100,000 of 40 each.
    steps = (3000 * 100_000) ** 0.5
    assert estimate([*SHORT, *LONG], SHORT) == pytest.approx(4 * 16 / (4 * 3000 * 20) * steps * 40)


def test_work_is_shared_out_but_no_trial_is():
    assert estimate([*LONG, *CLIPPED], LONG, width=2) == 2 * 50.0
    assert estimate(LONG, LONG[:3], width=8) == 50.0


def test_time_that_trials_under_way_have_had_is_not_to_come():
    now = [0.0]
    left = TimeLeft([each.planned for each in LONG], {}, 2, lambda: now[0])
    now[0] = 50.0
    left.add(LONG[0].planned, LONG[0].result)
    assert left.seconds() == 50.0  # the second is as good as done, the third has just begun, the last waits
    now[0] = 60.0
    assert left.seconds() == 50.0  # the last needs as much from now on, whoever makes room for it
    left.add(LONG[1].planned, LONG[1].result)
    now[0] = 90.0
    assert left.seconds() == 20.0  # the last has begun at 60
    now[0] = 500.0
    assert left.seconds() == 0.0


def test_what_was_found_earlier_counts():
    ended = {each.planned.trial: each.result for each in SHORT[:2]}
    assert TimeLeft([each.planned for each in SHORT], ended, 1, lambda: 0.0).seconds() == 2 * 4.0
