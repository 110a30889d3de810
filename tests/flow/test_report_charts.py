"""The charts of a report hold what was recorded: of the right layer, of the right number, at the right place.

The records are made up, two layers with nothing in common, so that a chart of the wrong one shows.
"""

import math

import pytest
from tests.flow.test_drawing import PLOT, labels, parsed, paths, points

from throughtime.flow.drawing.frame import HEIGHT
from throughtime.flow.report.course import loss_chart, norm_chart
from throughtime.flow.report.gates import saturation_chart, saturation_course
from throughtime.flow.report.lags import heat_chart, lag_svg
from throughtime.flow.report.reach import reach_chart, truncation_chart

LAGS = [0, 1, 2, 3]
BOTTOM, TOP = [1.0, 10**-0.5, 0.1, 10**-1.5], [2.0, 0.2, 0.02, 0.002]
LOW = [0.2, 0.02, 0.002, 0.0002]  # of the top layer: a tenth of its mean
HIGH = [2.0, 0.4, 0.04, 0.004]


def probe(step, **changes):
    nothing = [1.0, 0.5, 0.5, 0.5]
    gates = [
        {name: {"left": left, "right": right, "saturated": left + right, "dead": None} for name in "rzn"}
        for left, right in ((0.0, 0.1), (0.25, 0.5))
    ]
    return {
        "step": step,
        "lags": LAGS,
        "norms": {"h": [BOTTOM, TOP]},
        "percentiles": {"h": [[nothing, LOW], [nothing, TOP], [nothing, HIGH]]},
        "horizon": 20,
        "half_life": 5.0,
        "censored": False,
        "saturation": gates,
        **changes,
    }


def svg_of(markup):
    return markup[markup.index("<svg") : markup.rindex("</svg>") + len("</svg>")]


def lines_of(markup):
    """The curves by their colours, without what the legend shows of them."""
    return {
        each.get("class").removeprefix("tt-line tt-"): points(each.get("d"))
        for each in parsed(svg_of(markup)).iter("path")
        if (each.get("class") or "").startswith("tt-line")
        and "tt-dots" not in each.get("class")
        and each.get("d") != "M0 6h26"
    }


def at(values, lowest, highest, log=False):
    """Where values lie along an axis up, as `points` has it."""
    if log:
        values, lowest, highest = [
            [math.log10(value) for value in part] for part in (values, [lowest], [highest])
        ]
        (lowest,), (highest,) = lowest, highest
    return pytest.approx([HEIGHT * (highest - value) / (highest - lowest) for value in values], abs=0.06)


def ups(found):
    return [y for _, y in found]


def test_the_curves_are_the_layers_in_their_colours():
    found = lines_of(lag_svg(probe(1), "h", None))
    assert ups(found["0"]) == at(BOTTOM, 1e-4, 1, log=True)
    assert ups(found["1"]) == at([value / 2 for value in TOP], 1e-4, 1, log=True)
    assert labels(lag_svg(probe(1), "h", None))[:2] == ["layer 1 (top)", "layer 0 (bottom)"]


def test_the_band_reaches_from_the_10th_percentile_to_the_90th():
    svg = lag_svg(probe(1), "h", None)
    (band,) = (
        points(each.get("d")) for each in parsed(svg).iter("path") if each.get("class") == "tt-band tt-1"
    )
    edges = [value / 2 for value in (*LOW, *reversed(HIGH))]
    assert ups(band) == at(edges, 1e-4, 1, log=True)


def test_the_horizon_and_what_training_reaches_are_marked_at_their_lags():
    svg = lag_svg(probe(1, horizon=2), "h", 1)
    assert [points(path)[0][0] for path in paths(svg, "tt-mark")] == pytest.approx(
        [PLOT / 3, 2 * PLOT / 3], abs=0.06
    )
    assert {"horizon 2", "training reaches 1"} <= set(labels(svg))


def test_the_heat_map_is_of_the_top_layer():
    two = [probe(0), probe(10)]
    top, bottom = ([{**one, "norms": {"h": [phi]}} for one in two] for phi in (TOP, BOTTOM))
    assert heat_chart(two) == heat_chart(top)
    assert heat_chart(two) != heat_chart(bottom)


def test_saturation_through_training_is_the_top_layer_s_at_both_ends():
    def gates(left, right):
        return {"h": {"left": left, "right": right, "saturated": left + right, "dead": None}}

    course = [
        probe(0, saturation=[gates(0.0, 0.0), gates(0.25, 0.75)]),
        probe(9, saturation=[gates(0.5, 0.5), gates(0.125, 0.25)]),
    ]
    assert ups(lines_of(saturation_course(course))["0"]) == at([100, 37.5], 0, 100)
    dead = [
        probe(step, saturation=[{"h": {"dead": 0.0}}, {"h": {"dead": share}}])
        for step, share in ((0, 1.0), (9, 0.25))
    ]
    assert ups(lines_of(saturation_course(dead))["0"]) == at([100, 25], 0, 100)


def test_saturation_at_one_measurement_is_told_of_each_layer_at_either_end():
    rows = parsed(svg_of(saturation_chart(probe(1))))
    texts = ["".join(each.itertext()) for each in rows.iter("text")]
    assert [text for text in texts if text.startswith("Layer")] == ["Layer 1 (top)", "Layer 0 (bottom)"]
    assert [text for text in texts if text in ("75%", "10%")] == ["75%"] * 3 + ["10%"] * 3


def test_clipping_is_shown_where_it_happened():
    updates = [
        {"step": step, "loss": 2.0, "grad_norm": 1.0, "clipped": step in (3, 4)} for step in range(1, 6)
    ]
    shaded = [
        (float(each.get("x")), float(each.get("width")), each.get("opacity"))
        for each in parsed(svg_of(norm_chart(updates))).iter("rect")
        if each.get("class") == "tt-strip" and each.get("opacity")
    ]
    # Each update has the half step around it on an axis from 0 to 5.
    assert shaded == [
        (pytest.approx(PLOT / 2, abs=0.06), pytest.approx(PLOT / 5, abs=0.06), "1.00"),
        (pytest.approx(PLOT * 0.7, abs=0.06), pytest.approx(PLOT / 5, abs=0.06), "1.00"),
    ]
    assert "Clipping shortened 40%" in norm_chart(updates)
    unclipped = norm_chart([{**update, "clipped": False} for update in updates])
    assert "tt-strip" not in unclipped
    assert "No update was clipped" in unclipped


def test_the_gradients_norms_are_drawn_on_a_log_axis():
    norms = [1e-2, 1.0, 100.0]
    updates = [
        {"step": step, "loss": 2.0, "grad_norm": norm, "clipped": False}
        for step, norm in zip((1, 2, 3), norms, strict=True)
    ]
    assert ups(lines_of(norm_chart(updates))["2"]) == at(norms, 1e-2, 100, log=True)


def test_a_loss_that_was_far_off_once_does_not_flatten_the_curve():
    def losses(*values):
        return [{"step": step, "loss": value} for step, value in enumerate(values, start=1)]

    steep = [100.0, 1.0, 1.0, 1e4]
    assert ups(lines_of(loss_chart(losses(*steep)))["0"]) == at(steep, 1, 1e4, log=True)
    usual = [5.0, 4.0, 3.0, 1.0]
    assert ups(lines_of(loss_chart(losses(*usual)))["0"]) == at(usual, 1, 5)


def test_the_held_out_loss_has_a_curve_of_its_own():
    metrics = [{"step": step, "loss": 3.0} for step in (1, 2)]
    metrics += [{"step": step, "val_loss": value} for step, value in ((1, 4.0), (2, 2.0))]
    found = lines_of(loss_chart(metrics))
    assert ups(found["0"]) == at([3, 3], 2, 4)
    assert ups(found["1"]) == at([4, 2], 2, 4)


def test_horizon_and_half_life_through_training_are_those_of_each_probe():
    course = [
        probe(0, horizon=20, half_life=5.0),
        probe(10, horizon=10, half_life=2.0, censored=True),
        probe(20, horizon=15, half_life=None, falls=False),
        probe(30, horizon=5, half_life=1.0),
        probe(40, horizon=5, half_life=3.0),
    ]
    course = [{**one, "lags": list(range(31))} for one in course]
    chart = reach_chart(course)
    found = lines_of(chart)
    assert ups(found["0"]) == at([20, 10, 15, 5, 5], 0, 20)
    assert ups(found["1"]) == at([5, 2, 1, 3], 0, 20)  # with a gap
    triangles = [
        each.get("d")
        for each in parsed(svg_of(chart)).iter("path")
        if each.get("class") == "tt-fill tt-0" and each.get("d") != "M8 11h10l-5 -9z"
    ]
    (place,) = triangles[0].split("M")[1:]
    x, y = map(float, place.split("h")[0].split())
    assert (x + 5, y - 4) == pytest.approx((PLOT / 4, HEIGHT / 2), abs=0.1)
    assert len(triangles) == 1
    assert "beyond the measured 30 lags" in chart


def test_the_truncation_through_training_is_what_was_chosen():
    course = [probe(step, truncation={"K": K, "finite": True}) for step, K in ((0, 5), (10, 20), (20, 10))]
    found = lines_of(truncation_chart(course))["2"]
    assert ups(found) == at([5, 5, 20, 20, 10, 10], 0, 20)
