import math
from dataclasses import replace

from throughtime.training.events import Finished
from throughtime.training.rows import clock, conclusion, pace


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


def test_conclusion_tells_the_horizon_where_it_was_measured():
    event = Finished(9, 90, 2.0, 8, None, None, None, 1.0, 90.0, 0.0, None, None, None, None, 0, None)
    assert conclusion(event) == []
    assert conclusion(replace(event, horizon=1200, censored=False))[0].endswith(" is 1,200 lags")
    assert conclusion(replace(event, horizon=100, censored=True))[0].endswith(" is at least 100 lags")
