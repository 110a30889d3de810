import math

from throughtime.training.rows import clock, pace


def test_clock_tells_minutes_and_hours():
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600, 86_399)] == [
        "0:00",
        "1:00",
        "1:01",
        "1:00:00",
        "23:59:59",
    ]


def test_what_is_not_known_yet_is_a_dash():
    assert (clock(math.nan), pace(math.nan), pace(48_312.4)) == ("-", "-", "48,312")
