"""compare.html: the variants of a comparison over one another."""

import html
import json
import re
import shutil

import pytest
from tests.compare.conftest import STEPS, outcome, records, variant
from tests.flow.test_drawing import paths
from tests.flow.test_report import Page

import throughtime as tt
from throughtime.compare import compare
from throughtime.compare.course import Course
from throughtime.compare.page import comparison_page, write_page
from throughtime.compare.readings import readings
from throughtime.flow.drawing import Axis, Series, lines
from throughtime.flow.report.content import STEP
from throughtime.flow.report.lags import LAG, STRENGTH


def page_of(comparison):
    return (comparison.path / "compare.html").read_text(encoding="utf-8")


def chart_of(text, title):
    """The chart below a heading."""
    figure = text[text.index(f"<h3>{title}</h3>") :].partition("</figure>")[0]
    return figure[figure.index("<svg") : figure.rindex("</svg>") + len("</svg>")]


def facts_of(text):
    found = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", text.partition("</dl>")[0])
    return {name: html.unescape(value) for name, value in found}


def drawn(series, x, y):
    svg = lines(series, x, y, title="t", description="d")
    return paths(svg, "tt-line"), paths(svg, "tt-fill")


def assert_shows(text, title, series, x, y):
    """The chart has these curves and triangles, each where its values say, and no others."""
    found = chart_of(text, title)
    assert (paths(found, "tt-line"), paths(found, "tt-fill")) == drawn(series, x, y)


def axis_from_0(probes):
    """A dead ReLU network's gradient reaches over 0 lags, which no log axis shows."""
    assert min(probe["horizon"] for each in probes.values() for probe in each) == 0
    longest = max(probe["lags"][-1] for each in probes.values() for probe in each)
    return Axis("lags", from_zero=True, highest=1.1 * longest)


def measured(comparison):
    return {
        each.variant: records(comparison.path / each.variant, "flow.jsonl") for each in comparison.outcomes
    }


def test_the_lag_curves_are_those_of_the_top_layer(deep):
    for step, title in ((0, "Before the first update"), (STEPS, f"After {STEPS} updates")):
        series = []
        for variant_, probes in measured(deep).items():
            (probe,) = (each for each in probes if each["step"] == step)
            bottom, top = probe["norms"]["h"]
            assert bottom != top
            series.append(Series(variant_, probe["lags"], [value / top[0] for value in top]))
        assert_shows(page_of(deep), title, series, LAG, STRENGTH)


def test_the_horizons_have_triangles_where_they_are_only_a_lower_bound(deep):
    probes = measured(deep)
    assert {each["censored"] for each in probes["level"]} == {True, False}
    series = [
        Series(name, [p["step"] for p in each], [p["horizon"] for p in each]) for name, each in probes.items()
    ]
    series += [
        Series(
            "",
            [p["step"] for p in each],
            [p["horizon"] if p["censored"] else None for p in each],
            kind="points",
            colour=k,
        )
        for k, each in enumerate(probes.values())
    ]
    assert_shows(page_of(deep), "Horizon while training", series, STEP, axis_from_0(probes))
    assert "A triangle: the gradient reached beyond all lags that were measured" in page_of(deep)


def test_the_half_lives_have_gaps_where_the_gradient_does_not_fall(deep):
    probes = measured(deep)
    series = [
        Series(name, [p["step"] for p in each], [p["half_life"] if p["falls"] else None for p in each])
        for name, each in probes.items()
    ]
    assert_shows(page_of(deep), "Half-life while training", series, STEP, axis_from_0(probes))


def test_the_reach_has_a_log_axis_where_nothing_is_0(compared):
    probes = measured(compared)
    series = [
        Series(name, [p["step"] for p in each], [p["horizon"] for p in each]) for name, each in probes.items()
    ]
    found = chart_of(page_of(compared), "Horizon while training")
    assert paths(found, "tt-line") == drawn(series, STEP, Axis("lags", log=True))[0]


def test_the_learning_curves_are_those_of_the_validation_text_alone(compared):
    series = []
    for name, colour in (("tanh", 0), ("gru", 2)):  # the other diverged before it was evaluated
        scored = [each for each in records(compared.path / name, "metrics.jsonl") if "val_loss" in each]
        series.append(
            Series(
                name, [each["step"] for each in scored], [each["val_loss"] for each in scored], colour=colour
            )
        )
    values = [value for one in series for value in one.y]
    axis = Axis("loss", log=max(values) > 3 * min(values))
    found = chart_of(page_of(compared), "Learning curves")
    assert paths(found, "tt-line") == drawn(series, STEP, axis)[0]
    assert "training text" not in found


def test_the_learning_curves_are_those_of_the_training_text_where_nothing_is_held_out(place, text):
    found = compare([variant("a", val_fraction=0), variant("b", "gru", val_fraction=0)], text, out=place)
    series = []
    for name in "ab":
        updates = [each for each in records(place / name, "metrics.jsonl") if "loss" in each]
        series.append(Series(name, [each["step"] for each in updates], [each["loss"] for each in updates]))
    assert_shows(page_of(found), "Learning curves", series, STEP, Axis("loss"))
    page = Page(page_of(found)).text
    assert "How badly the next token is predicted on the training text" in page
    assert "training bits/char" in page
    losses = [one.y[-2:] for one in series]  # of the last tenth of 20 updates
    assert [each.train_loss for each in found.outcomes] == pytest.approx([sum(two) / 2 for two in losses])
    assert f"{found.outcomes[1].train_bits_per_char:.3f}" in page


def test_the_share_of_clipped_updates_is_told(deep):
    for each in deep.outcomes:
        clipped = [
            update["clipped"]
            for update in records(deep.path / each.variant, "metrics.jsonl")
            if "loss" in update
        ]
        assert 0 < each.clipped_share < 1
        assert each.clipped_share == sum(clipped) / STEPS
        assert f"{each.variant} {each.clipped_share:.1%}" in Page(page_of(deep)).text


def test_the_facts_are_settings_that_all_variants_have(compared, deep):
    assert facts_of(page_of(deep)) == {
        "Text": "the text, 624 tokens",
        "Variants": "2",
        "Training": f"{STEPS} updates each",
        "Hidden size": "6",
        "Layers": "2",
        "Batch size": "4",
        "Truncation": "chunk:10",
        "New steps per update": "10",
        "Optimiser": "adam",
        "Learning rate": "0.02",
        "Schedule": "constant",
        "Clipping": "norm 0.7",
    }
    assert not {"Optimiser", "Learning rate", "Cell"} & facts_of(page_of(compared)).keys()


def test_the_page_says_what_sets_each_variant_apart(deep):
    text = html.unescape(page_of(deep))
    assert "What sets them apart:" in text
    assert "<li>level: cell rnn relu, start default,weight_hh=identity,bias=zero</li>" in text


def test_a_single_variant_has_nothing_that_sets_it_apart(place, text):
    found = compare([variant("a", max_steps=1)], text, out=place)
    assert "What sets" not in page_of(found)


def test_the_page_says_that_all_have_learned_for_as_long_only_where_they_have(compared, deep):
    budget = "Every variant has read the same text in the same order"
    assert f"{budget} for as many updates. What differs" in page_of(deep)
    assert f"{budget}. What differs" in page_of(compared)
    assert facts_of(page_of(compared))["Training"] == f"1 to {STEPS} updates"
    assert f"Updates made: tanh {STEPS}, burst 1, gru {STEPS}." in page_of(compared)


def test_the_page_says_why_a_variant_diverged(compared):
    page = Page(page_of(compared)).text
    assert " ".join(compared.outcomes[1].stopped.split()).removeprefix("t") in page


def test_the_page_explains_the_words_it_uses_and_no_others(compared, deep):
    assert "<dt>Clipping</dt><dd>Shortening" in page_of(deep)
    bare = comparison_page("c", {**deep.record, "variants": []}, [outcome("a", "to come")], {})
    assert "<dt>Clipping</dt>" not in bare
    for text in (page_of(compared), page_of(deep), bare):
        assert "<dt>Saturation</dt>" not in text
    assert "<dt>Half-life</dt><dd>The number" in bare  # a column of the table


def test_the_page_says_what_is_in_the_time(deep):
    assert "Time includes the evaluations and the probes" in page_of(deep)


def test_a_name_that_is_not_utf_8_is_shown_as_an_escape(deep, place):
    shutil.copytree(deep.path, place)
    write_page(place, {**deep.record, "corpus": {**deep.record["corpus"], "name": "caf\udce9.txt"}})
    assert "caf\\udce9.txt" in (place / "compare.html").read_text(encoding="utf-8")


def test_a_horizon_of_no_lags_is_drawn():
    flow = {"lags": [0, 1], "norms": {"h": [[1.0, 0.0]]}, "horizon": 0, "half_life": None}
    course = Course([], False, None, [{"step": step, **flow} for step in (0, 9)], 9, 90, None, 0.0, None)
    record = {"corpus": {"name": "x", "tokens": 3}, "setting": {}, "variants": []}
    text = comparison_page("c", record, [outcome("a")], {"a": course})
    assert_shows(
        text,
        "Horizon while training",
        [Series("a", [0, 9], [0, 0])],
        STEP,
        Axis("lags", from_zero=True, highest=1.1),
    )


def test_the_page_is_one_file_with_all_that_came_of_it(compared):
    text = page_of(compared)
    page = Page(text)
    assert page.links == []
    assert not {"script", "link", "img"} & set(page.seen)
    for line in readings(compared.outcomes):
        assert " ".join(line.split()) in page.text
    for each in compared.outcomes:
        assert f'<th scope="row">{each.variant}</th>' in text


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
