"""What a report tells besides the curves: whatever was measured, in words, and nothing of what was not."""

import math

import pytest
from tests.flow.test_report import Page, page_of, probe, vanishing

from throughtime.flow.conditions import WeightConditions
from throughtime.flow.report import Stability, flow_page


def test_what_was_measured_besides_is_told_in_words():
    grows = WeightConditions("tanh", 1.0, 1.25, 0.75)
    sinks = WeightConditions("tanh", 1.0, 0.5, 0.25)
    known = Stability(
        conditions=[sinks, grows],
        chain={1: math.log(0.5), 100: -1000.0, 200: -math.inf},
        exponents=[math.log(0.5), -2.0],
        dtype="float32",
    )
    record = probe(0, underflow=[[0.0, 0.0, 0.5], [0.0, 0.25, 0.5]])
    said = page_of(flow=record, stability=known).text
    for part in (
        "What the weights allow: layer 1 (top) One step back multiplies the gradient by at most 1.25",
        "above 1 the gradient can explode, but need not: it is necessary, not sufficient",
        "What the weights allow: layer 0 (bottom) One step back multiplies the gradient by at most 0.5",
        "below 1 the gradient vanishes: this alone is sufficient. The spectral radius of W is 0.25",
        "as a multiple of what it was: over 1 step 0.5, over 100 steps 10⁻⁴³⁴, over 200 steps 0.",
        "two states of the top layer 0.5 times as large, so that it dies out;",
        "(Lyapunov exponents: −0.693, −2.000;",
        "From lag 1 on entries are too small for float32, at the last lag 50% of them.",
    ):
        assert part in said


def test_what_was_not_measured_besides_is_left_out():
    record = {name: value for name, value in probe(0).items() if name != "underflow"}
    assert "What was measured besides" not in page_of(flow=record).text
    gated_page = page_of(flow=probe(0), stability=Stability(conditions=[None], dtype="float64")).text
    assert "What was measured besides" in gated_page
    assert "Numbers too small to hold No entry" in gated_page
    assert "the weights allow" not in gated_page
    assert "What the weights allow One step back" in Page(flow_page(vanishing())).text


@pytest.mark.parametrize(
    ("exponent", "becomes"), [(-1.0, "dies out"), (0.0, "stays"), (1.0, "grows"), (-math.inf, "dies out")]
)
def test_a_lyapunov_exponent_is_told_as_what_becomes_of_a_difference(exponent, becomes):
    assert f"so that it {becomes};" in page_of(flow=probe(0), stability=Stability(exponents=[exponent])).text
