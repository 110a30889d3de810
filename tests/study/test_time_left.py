"""The time that a study will still take."""

from tests.study.results import found, result

from throughtime.study.time_left import TimeLeft


def estimate(trials, ended, width=1):
    left = TimeLeft([each.planned for each in trials], {}, width)
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


def test_of_another_length_time_is_in_proportion():
    assert estimate([*SHORT, *LONG], SHORT) == 4 * 8.0


def test_work_is_shared_out_but_no_trial_is():
    assert estimate([*LONG, *CLIPPED], LONG, width=2) == 2 * 50.0
    assert estimate(LONG, LONG[:3], width=8) == 50.0


def test_what_was_found_earlier_counts():
    ended = {each.planned.trial: each.result for each in SHORT[:2]}
    assert TimeLeft([each.planned for each in SHORT], ended, 1).seconds() == 2 * 4.0
