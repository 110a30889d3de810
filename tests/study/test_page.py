"""study.html: success against length for each way, and the horizon beside it."""

import re

import pytest
from tests.study.results import found, result

from throughtime.study.page import study_page
from throughtime.study.plan import Study

CAPPED = result("steps", horizon_after=4)
REACHED = result(horizon_after=39, lags=39)


def page(trials):
    return study_page(Study("a <study>", tuple(each.planned for each in trials), {}), trials)


def test_page_shows_success_and_horizons_over_the_lengths():
    content = page(
        [
            *found("sgd", 20, result(), CAPPED),
            *found("sgd", (30, 40), CAPPED, CAPPED),
            *found("clipped & held", 20, result(), result()),
            *found("clipped & held", (30, 40), REACHED, REACHED),
        ]
    )
    assert "<h1>Study: a &lt;study&gt;</h1>" in content
    headings = re.findall("<h3>(.*?)</h3>", content)
    assert headings == ["Success", "Horizon at the end", "Horizon before the first update"]
    assert "<td>1 of 2 (1 capped)</td>" in content
    assert "<td>0 of 2 (2 capped)</td>" in content
    assert "3 trials were capped. A trial that met a cap on updates or time has not failed" in content
    assert "all there are" in content
    assert "clipped &amp; held" in content
    assert "30-40" in content


def test_each_horizon_is_in_its_own_chart():
    def charts(**horizons):
        trials = [*found("sgd", 20, result(**horizons)), *found("sgd", 30, result(**horizons))]
        return page(trials).split("<h3>")[1:]

    success, after, before = charts()
    assert charts(horizon_after=2)[0] == success
    assert charts(horizon_after=2)[1] != after
    assert charts(horizon_after=2)[2].split("</figure>")[0] == before.split("</figure>")[0]
    assert charts(horizon_before=2)[1] == after
    assert charts(horizon_before=2)[2].split("</figure>")[0] != before.split("</figure>")[0]


def test_page_loads_nothing():
    content = page(found("sgd", 20, result()))
    assert not re.search(r"(src|href)=|url\(|<script|@import", content)


@pytest.mark.parametrize("ways", [1, 3])
def test_one_length_gives_bars_of_success_and_of_the_horizons(ways):
    content = page([each for n in range(ways) for each in found(f"way {n}", 20, result(), CAPPED)])
    assert re.findall("<h3>(.*?)</h3>", content) == ["Success", "Horizon"]
    success, horizon = content.split("<h3>")[1:]
    assert success.count(">50%</text>") == ways + 1  # the axis' own
    assert horizon.count(">47%</text>") == ways  # 9 of 19 lags
    assert horizon.count(">61%</text>") == ways  # the median of 19 and 4, of 19


def test_another_test_length_is_told():
    content = page(found("sgd", 20, result(), test_length=(50, 100)))
    assert "length 20, tested at 50-100" in content
    assert "<td>20, tested at 50-100</td>" in content
