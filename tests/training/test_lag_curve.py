import math

import pytest

from throughtime.training.events import Probed
from throughtime.training.lag_curve import WIDTH, lag_line, sparkline


def probed(phi: list[float], half_life: float) -> Probed:
    return Probed(1, {"norms": {"h": [[1.0] * len(phi), phi]}, "half_life": half_life})


def test_sparkline_falls_a_block_for_each_half_a_decade():
    halves = [10 ** (-step / 2 - 0.01) for step in range(9)]
    assert sparkline([1.0, *halves]) == "██▇▆▅▄▃▂▁ "
    assert sparkline([1e300, *(1e300 * value for value in halves)], plain=True) == "##*+=~-_. "


def test_sparkline_is_scaled_by_its_largest_value_wherever_that_is():
    assert sparkline([1e-9, 1.0, 1e-9]) == " █ "
    assert sparkline([0.0, 0.0]) == "  "
    assert sparkline([1.0, math.nan, 1.0]) == "█ █"


@pytest.mark.parametrize("lags", [WIDTH - 1, WIDTH, 100, 401])
def test_sparkline_has_the_first_lag_and_the_last_and_no_more_than_fits(lags):
    line = sparkline([1.0] + [0.0] * (lags - 1) + [1.0])
    assert len(line) == WIDTH
    assert line.strip(" ") == line
    assert line[1:-1].isspace()


@pytest.mark.parametrize(
    ("half_life", "told"),
    [(3.14159, "3.14"), (math.inf, "infinite"), (math.nan, "unknown"), (0.0, "0"), (1234.5, "1,234")],
)
def test_lag_line_tells_the_top_layer_s_curve_and_its_half_life(half_life, told):
    assert (
        lag_line(probed([2.0, 0.2, 0.002], half_life))
        == f"gradient by lag, log scale: 0 █▆▂ 2, half-life {told}"
    )


def test_lag_line_of_no_gradient_is_blank():
    assert lag_line(probed([0.0, 0.0], math.nan)) == "gradient by lag, log scale: 0    1, half-life unknown"


def test_lag_line_fits_a_terminal():
    for half_life in (math.inf, math.nan, 123456.0):
        assert len(lag_line(probed([1.0] * 10_000, half_life))) <= 80
