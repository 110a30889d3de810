import pytest

from throughtime.data import progress
from throughtime.data.progress import Progress, Report


def test_reports_come_at_most_ten_times_a_second_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    told: list[Progress] = []
    report = Report(told.append, "reading", 1000)
    for done in range(1000):
        now = done / 500
        report.at(done)
    report.end(1000)
    assert told[0].done == 50
    assert 18 <= len(told) <= 21
    assert told[-1] == Progress("reading", 1000, 1000)


def test_without_a_listener_nothing_is_told() -> None:
    Report(None, "reading", None).end(3)
