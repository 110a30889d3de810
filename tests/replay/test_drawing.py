"""Characters in the right places."""

import itertools

from rich.text import Text

from throughtime.replay.drawing import Curve, bar, decades, plot, side_by_side, triangle


def plain(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_plot_puts_points_where_their_values_are_and_drops_those_outside() -> None:
    curve = Curve([0, 5, 10, 20], [-1, 0, 1, 0], "*", "red")
    lines = plain(plot([curve], (0, 10), (-1, 1), 11, 3, "{:+.0f}".format, [-1, 1], [0, 10]))
    assert lines == ["+1 ┤          *", "   │     *", "-1 ┤*", "   └┴─────────┴", "    0        10"]


def test_plot_shows_the_later_curve_where_two_meet() -> None:
    curves = [Curve([0, 1], [0, 1], "a", ""), Curve([0], [0], "b", "")]
    assert plain(plot(curves, (0, 1), (0, 1), 2, 2, "{:g}".format, [0, 1], [0]))[:2] == ["1 ┤ a", "0 ┤b"]


def test_bar_is_drawn_to_an_eighth_and_stays_in_its_columns() -> None:
    assert bar(0.0, 8).plain == ""
    assert bar(1 / 64, 8).plain == "▏"
    assert bar(1.0, 8).plain == "█" * 8 == bar(7.0, 8).plain


def test_triangle_keeps_what_it_is_told_to() -> None:
    rows = plain(triangle(3, lambda t, k: k >= 1))
    assert rows == ["t=0 ·", "  1 · ■", "  2 · ■ ■", "    0 1 2 =k"]


def test_side_by_side_lines_up_drawings_of_different_heights() -> None:
    lines = side_by_side([Text("ab"), Text("c")], [Text("x"), Text("y"), Text("z")], gap=1)
    assert plain(lines) == ["ab x", "c  y", "   z"]


def test_decades_hold_both_ends_and_mark_one() -> None:
    for lowest, highest in ((-0.2, 0.0), (-3.0, 0.5), (-40.0, 12.0)):
        ticks = decades(lowest, highest)
        assert ticks[-1] <= lowest <= highest <= ticks[0]
        assert 0 in ticks
        assert 2 <= len(ticks) <= 11
        assert len({one - other for one, other in itertools.pairwise(ticks)}) == 1
