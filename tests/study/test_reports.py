"""A study's table and page, brought up to date while it runs."""

import pytest
from tests.study.results import found, result

from throughtime.study import reports as module
from throughtime.study.plan import Study
from throughtime.study.reports import Reports
from throughtime.study.run import Progress

pytest.importorskip("pyarrow")

FOUND = found("sgd", 20, result(), result("steps"), result())


def progress(done):
    results = {each.planned.trial: each.result for each in FOUND[:done]}
    return Progress(FOUND[done - 1] if done else None, results, 3, 1.0)


def test_reports_follow_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    reports = Reports(Study("s", tuple(each.planned for each in FOUND), {}), tmp_path)

    def told():
        return reports.page.read_text().split("<dt>Trials</dt><dd>")[1].split("<")[0]

    reports.write()
    reports.hear(progress(0))
    reports.write()
    assert not [*tmp_path.iterdir()]
    reports.hear(progress(1))
    assert told() == "1 of 3"
    now[0] = 9.0
    reports.hear(progress(2))
    assert told() == "1 of 3"
    now[0] = 11.0
    reports.hear(progress(2))
    assert told() == "2 of 3"
    reports.hear(progress(3))
    reports.write()
    assert told() == "3"
    assert {path.name for path in tmp_path.iterdir()} == {"results.parquet", "study.html"}
