"""A flow as a notebook shows it."""

import numpy as np
from tests.flow.illnesses import flow_of, gated
from tests.flow.test_report import Page, healthy, vanishing

import throughtime as tt


def test_a_notebook_shows_the_curve_and_the_findings():
    view = vanishing()._repr_html_()
    page = Page(view)
    assert "rnn_tanh, 16 units" in page.text
    assert f"half-life {vanishing().half_life:.3g} lags, horizon {vanishing().horizon()} lags" in page.text
    assert "problem: vanishing" in page.text
    assert page.seen.count("svg") >= 1
    assert page.links == []
    assert "Nothing stands out" in Page(healthy()._repr_html_()).text


def test_a_notebook_shows_every_part_of_the_state():
    page = Page(flow_of(gated(tt.LSTM), steps=20)._repr_html_())
    assert page.seen.count("svg") == 4  # each has its plot inside
    assert "the state h" in page.text
    assert "the memory cell c" in page.text


def test_a_notebook_does_not_call_healthy_what_it_cannot_judge():
    assert "Too short to tell" in Page(flow_of(gated(tt.GRU), max_lag=1)._repr_html_()).text
    model = tt.SequenceModel(2, 4, 1, "rnn", seed=0)
    model.params["readout.weight"][...] = 0
    x = np.ones((9, 2, 2), np.float32)
    said = Page(tt.gradient_flow(model, x, x[..., :1])._repr_html_()).text
    assert "rnn_tanh, 4 units: no gradient" in said
    assert "no-gradient" in said
