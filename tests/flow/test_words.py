"""A flow in a line, and what is said where nothing can be."""

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, plain

import throughtime as tt
from throughtime.flow.curve import Curve


def test_a_flow_in_a_line_tells_how_far_it_reaches_and_what_stands_out():
    told = str(flow_of(plain("tanh")))
    assert told.startswith("rnn_tanh, 16 units: half-life ")
    assert told.endswith("; 1 finding: vanishing")
    assert str(flow_of(gated(tt.LSTM))).endswith("; no findings")
    for steps in (1, 5):
        assert str(flow_of(gated(tt.LSTM), steps)).endswith("; too short to tell")


def test_a_flow_in_a_line_says_so_where_it_is_not_a_number():
    broken = flow_of(gated(tt.GRU))
    broken.norms["h"][...] = np.nan
    assert "is not a number at lag 0" in str(broken)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (Curve([1.0, 0.5]), True),
        (Curve(0.9 ** np.arange(10)), True),
        (Curve(0.9 ** np.arange(11)), False),  # ten lags
        (Curve(0.01 ** np.arange(5)), False),  # gone before its end
    ],
)
def test_a_curve_is_too_short_that_ends_early_and_before_it_has_fallen(curve, expected):
    assert curve.too_short is expected


def test_a_page_that_cannot_be_written_is_refused_in_one_line(tmp_path):
    with pytest.raises(tt.ArgumentError, match=r"No such file or directory; expected a file in .*Make the"):
        flow_of(gated(tt.GRU), 5).to_html(tmp_path / "nope" / "f.html")
