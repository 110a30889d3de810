from throughtime.training.rows import clock


def test_clock_tells_minutes_and_hours():
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600, 86_399)] == [
        "0:00",
        "1:00",
        "1:01",
        "1:00:00",
        "23:59:59",
    ]
