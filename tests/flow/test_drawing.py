"""Charts as SVG: what is drawn lies where the axes say, nothing else is in the page, and odd numbers leave gaps."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from throughtime.flow.drawing import Axis, Bar, Group, Levels, Mark, Series, Strip, bars, heat, lines
from throughtime.flow.drawing.frame import HEIGHT, LEFT, RIGHT, WIDTH
from throughtime.flow.drawing.scale import Scale

NAMED = {"title": "A & B", "description": "What <it> shows"}
PLOT = WIDTH - LEFT - RIGHT
LEVELS = Levels((0.1, 1.0), ("0.1", "1"), warm=1)


def parsed(svg):
    return ET.fromstring(svg)


def paths(svg, kind):
    """The `d` of every path of a class."""
    return [
        element.get("d")
        for element in parsed(svg).iter()
        if element.tag == "path" and kind in (element.get("class") or "").split()
    ]


def points(path):
    return [tuple(map(float, point.split())) for point in re.findall(r"[ML]([-\d.]+ [-\d.]+)", path)]


def labels(svg):
    return ["".join(element.itertext()) for element in parsed(svg).iter("text")]


def test_a_curve_goes_through_its_points():
    svg = lines([Series("a", [0, 50, 100], [1e-4, 1e-2, 1.0])], Axis("x"), Axis("y", log=True), **NAMED)
    (path,) = paths(svg, "tt-dots")
    (line,) = (d for d in paths(svg, "tt-line") if d != path)
    assert points(line) == [(0, HEIGHT), (PLOT / 2, HEIGHT / 2), (PLOT, 0)]


def test_a_chart_has_a_name_a_description_and_its_axes_titles():
    svg = lines([Series("a", [0, 1], [0, 1])], Axis("steps <1>"), Axis("y"), **NAMED)
    root = parsed(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", "A & B")
    assert root.find("title").text == "A & B"
    assert root.find("desc").text == "What <it> shows"
    assert "steps <1>" in labels(svg)


@pytest.mark.parametrize("odd", [None, math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_leaves_a_gap(odd):
    series = Series("a", range(40), [1.0] * 20 + [odd] + [2.0] * 19, low=[0.5] * 40, high=[odd] * 40)
    svg = lines([series], Axis("x"), Axis("y"), **NAMED)
    (line,) = paths(svg, "tt-line")
    assert line.count("M") == 2
    assert len(points(line)) == 39
    assert paths(svg, "tt-band") == []
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_band_is_closed_around_its_edges():
    series = Series("a", [0, 1], [1, 1], low=[0, 0], high=[2, 2])
    (band,) = paths(lines([series], Axis("x"), Axis("y"), **NAMED), "tt-band")
    assert points(band) == [(0, HEIGHT), (PLOT, HEIGHT), (PLOT, 0), (0, 0)]
    assert band.endswith("Z")


def test_steps_keep_a_value_until_the_next():
    series = Series("a", [0, 1, 2], [0, 4, 4], kind="steps")
    line, _ = paths(lines([series], Axis("x"), Axis("y"), **NAMED), "tt-line")
    assert points(line) == [
        (0, HEIGHT), (PLOT / 2, HEIGHT), (PLOT / 2, 0), (PLOT, 0), (PLOT, 0), (PLOT, 0),
    ]  # fmt: skip


def test_a_mark_stands_at_its_value_and_a_strip_below():
    strip = Strip("clipped", [(0, 5, 0.5), (5, 10, 0.0)])
    series = [Series("a", [0, 10], [0, 1])]
    svg = lines(series, Axis("x"), Axis("y"), marks=[Mark(5, "half")], strip=strip, **NAMED)
    (mark,) = paths(svg, "tt-mark")
    assert points(mark) == [(PLOT / 2, 0), (PLOT / 2, HEIGHT)]
    assert {"half", "a", "clipped"} <= set(labels(svg))
    shades = [each for each in parsed(svg).iter("rect") if each.get("class") == "tt-strip"]
    (shade,) = (each for each in shades if each.get("opacity"))
    assert (float(shade.get("x")), float(shade.get("width"))) == (0, PLOT / 2)


@pytest.mark.parametrize("y", [[], [None], [0.0], [1e-300, 1e300], [-1e308, 1e308], [5e-324], [3.0]])
@pytest.mark.parametrize("log", [True, False])
def test_any_values_make_a_chart(y, log):
    svg = lines([Series("a", range(len(y)), y)], Axis("x"), Axis("y", log=log), **NAMED)
    assert all(
        abs(x) <= 2 * PLOT and abs(y) <= 2 * HEIGHT for d in paths(svg, "tt-line") for x, y in points(d)
    )
    assert "nan" not in svg.lower()


@pytest.mark.parametrize(("low", "high"), [(0.3, 9.7), (1e-9, 1.0), (4e5, 4.1e5), (1, 1.05)])
@pytest.mark.parametrize("log", [True, False])
def test_ticks_stand_where_their_labels_say_and_hold_all_values(low, high, log):
    scale = Scale(Axis("y", log=log), [low, high])
    places = [place for place, _ in scale.ticks]
    assert places == sorted(places)
    assert len(places) > 1
    assert 0 <= places[0] <= places[-1] <= 1
    assert 0 <= scale.place(low) < scale.place(high) <= 1
    for place, label in scale.ticks:
        if re.fullmatch(r"[\d.,]+", label):
            assert scale.place(float(label.replace(",", ""))) == pytest.approx(place, abs=1e-6)


def test_a_heat_map_paints_each_value_in_its_shade():
    svg = heat([[2.0, 0.5, 0.01], [0.5, 0.5, None]], [5, 15], LEVELS, Axis("x"), Axis("lag"), **NAMED)
    cells = next(group for group in parsed(svg).iter("g") if group.get("shape-rendering"))
    drawn = {(each.get("class"), each.get("fill-opacity")): each.get("d") for each in cells}
    height = HEIGHT / 3
    faint, strong = LEVELS.shade(0), LEVELS.shade(1)
    of = {f'class="{kind}" fill-opacity="{opacity}"': d for (kind, opacity), d in drawn.items()}
    assert of[faint] == f"M0.0 {height:.1f}V0.0H{PLOT / 2:.1f}V{height:.1f}z"
    # Values of one shade above each other are one shape.
    assert of[strong] == (
        f"M0.0 {2 * height:.1f}V{height:.1f}H{PLOT / 2:.1f}V{2 * height:.1f}z"
        f"M{PLOT / 2:.1f} {HEIGHT:.1f}V{height:.1f}H{PLOT:.1f}V{HEIGHT:.1f}z"
    )
    assert of[LEVELS.shade(2)].startswith(f"M0.0 {HEIGHT:.1f}V{2 * height:.1f}")


def test_a_heat_map_of_a_training_begins_with_it():
    svg = heat([[0.5], [0.01]], [0, 10], LEVELS, Axis("x"), Axis("lag"), **NAMED)
    cells = next(group for group in parsed(svg).iter("g") if group.get("shape-rendering"))
    # The first measurement stands for 0 to 5, the second for 5 to 15.
    assert {each.get("d").split("H")[1].split("V")[0] for each in cells} == {f"{PLOT / 3:.1f}", f"{PLOT:.1f}"}


def test_a_heat_map_of_very_many_measurements_stays_small():
    columns = [[10.0 ** -((k * lag) % 7) for lag in range(1000)] for k in range(1000)]
    assert len(heat(columns, range(1000), LEVELS, Axis("x"), Axis("lag"), **NAMED)) < 500_000


def test_labels_of_bars_have_room_or_are_cut():
    def drawn(label):
        svg = bars([Group("top", [Bar(label, [0.5])])], ["low"], **NAMED)
        begin = float(
            re.search(r'<rect x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="14" class="tt-track"', svg)[1]
        )
        return svg, begin

    assert drawn("i")[1] == 170
    svg, begin = drawn("tanh, orthogonal start")
    assert ">tanh, orthogonal start</text>" in svg
    assert begin > 9.6 * len("tanh, orthogonal start")
    label = "an LSTM with a chrono start and clipping"
    svg, begin = drawn(label)
    assert begin == 330
    assert f"<title>{label}</title>" in svg
    assert "…</text>" in svg


def test_bars_add_up_and_what_was_not_measured_is_told():
    svg = bars([Group("top", [Bar("i", [0.25, 0.5]), Bar("f", [None, None])])], ["low", "high"], **NAMED)
    widths = [
        float(each.get("width"))
        for each in parsed(svg).iter("rect")
        if each.get("class", "").startswith("tt-fill") and each.get("height") == "14"
    ]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.11)
    assert {"75%", "–", "i", "f", "top", "low", "high"} <= set(labels(svg))


def test_a_label_that_is_too_long_is_cut_and_whole_at_the_pointer():
    name = "x" * 60
    svg = lines([Series(name, [0], [1]), Series("b", [0], [1])], Axis("x"), Axis("y"), **NAMED)
    said = next(each for each in parsed(svg).iter("text") if each.find("title") is not None)
    assert said.find("title").text == name
    assert said.find("title").tail == "x" * 41 + "…"


def test_an_axis_of_whole_numbers_has_no_ticks_between():
    assert [label for _, label in Scale(Axis("x", tight=True, whole=True), [0, 2]).ticks] == ["0", "1", "2"]
    assert "0.5" in [label for _, label in Scale(Axis("x", tight=True), [0, 2]).ticks]


def test_a_log_axis_wastes_no_room_on_its_way_to_the_next_tick():
    scale = Scale(Axis("y", log=True), [1e-11, 5.0])
    assert scale.place(10.0) == 1
    assert scale.place(1e-11) == 0


def test_points_do_not_run_into_one_another():
    svg = lines([Series("a", range(1000), [1.0] * 1000, kind="points")], Axis("x"), Axis("y"), **NAMED)
    (path,) = paths(svg, "tt-fill")
    places = [float(x) for x in re.findall(r"M([-\d.]+) ", path)]
    assert len(places) == pytest.approx(PLOT / 12, abs=2)
    assert min(b - a for a, b in pairwise(places)) >= 11.9


def test_a_mark_s_label_stays_inside():
    marks = [Mark(2, "left"), Mark(9, "a long label")]
    svg = lines([Series("a", [0, 10], [0, 1])], Axis("x"), Axis("y"), marks=marks, **NAMED)
    anchors = {
        "".join(each.itertext()): each.get("text-anchor")
        for each in parsed(svg).iter("text")
        if "tt-halo" in each.get("class")
    }
    assert anchors == {"left": "start", "a long label": "end"}
