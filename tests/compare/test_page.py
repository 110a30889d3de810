"""compare.html: the variants of a comparison over one another."""

import html
import json
import re

import pytest
from tests.compare.conftest import STEPS, variant
from tests.flow.test_report import Page

import throughtime as tt
from throughtime.compare import compare
from throughtime.compare.page import comparison_page
from throughtime.compare.readings import readings


def page_of(comparison):
    return (comparison.path / "compare.html").read_text(encoding="utf-8")


def test_the_page_is_one_file_with_all_that_came_of_it(compared):
    text = page_of(compared)
    page = Page(text)
    assert page.links == []
    assert not {"script", "link", "img"} & set(page.seen)
    for line in readings(compared.outcomes):
        assert " ".join(line.split()) in page.text
    for outcome in compared.outcomes:
        assert f'<th scope="row">{outcome.variant}</th>' in text


def test_the_page_has_the_curves_of_all_at_three_moments(compared):
    page = Page(page_of(compared)).text
    steps = [
        json.loads(line)["step"] for line in (compared.path / "gru" / "flow.jsonl").read_text().splitlines()
    ]
    assert steps[0] == 0
    for heading in ("Before the first update", f"After {steps[-1]} updates", f"After {STEPS // 2} updates"):
        assert heading in page
    assert "burst diverged" in page
    for chart in ("Learning curves", "Horizon while training", "Half-life while training"):
        assert chart in page


def test_a_variant_that_was_not_measured_then_is_named(compared):
    text = html.unescape(page_of(compared))
    assert text.count("Not measured here: burst.") == 2  # it ended before


def test_the_learning_curves_are_of_one_text(compared):
    # The variant that diverged was never evaluated: its losses are of the training text.
    assert "text that none of them has learned from" in page_of(compared)


def test_the_page_grows_with_the_comparison(place, text):
    def stop(event):
        if type(event).__name__ == "Ended":
            raise KeyboardInterrupt

    variants = [variant("a"), variant("b", "gru")]
    with pytest.raises(KeyboardInterrupt):
        compare(variants, text, out=place, listeners=stop)
    assert "1 of 2 trained" in (place / "compare.html").read_text()
    compare(variants, text, out=place, resume=True)
    assert "1 of 2 trained" not in (place / "compare.html").read_text()


def test_nothing_trained_makes_a_page(compared):
    record = {**compared.record, "variants": []}
    assert Page(comparison_page("<i>", record, [], {})).text


def test_a_single_moment_is_drawn_once(place, text):
    found = compare([variant("a", flow_every=STEPS + 1, truncation=tt.Auto(0.5))], text, out=place)
    headings = re.findall("<h3>(.*?)</h3>", page_of(found))
    # Auto is the only one that measures in so short a training, before and after.
    assert [each for each in headings if "update" in each] == [
        "Before the first update",
        f"After {STEPS} updates",
    ]
