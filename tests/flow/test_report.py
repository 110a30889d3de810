"""The report: one file that fetches and runs nothing, says what was found, and survives whatever a run has recorded."""

import functools
import math
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, orthogonal, plain

import throughtime as tt
from throughtime.flow.findings import Finding
from throughtime.flow.report import Report, flow_page, report_page
from throughtime.flow.report.content import relative

VOID = {"meta", "br"}


@functools.cache
def vanishing():
    return flow_of(plain("tanh", orthogonal(0.3)))


@functools.cache
def healthy():
    return flow_of(gated(tt.GRU))


class Page(HTMLParser):
    """Checks that elements are closed as they were opened, and collects what may not be there."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.links, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.links += [
            value
            for name, value in attributes
            if name in ("src", "href", "xlink:href", "action") or name.startswith("on")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


def probe(step, **changes):
    return {"step": step, **healthy().record(), **changes}


def update(step, **changes):
    return {"step": step, "loss": 2.0, "grad_norm": 1.0, "clipped": False, **changes}


def in_short(text):
    """The large numbers of a page: (value, what it means) by name."""
    found = re.findall(r"<div><dt>([^<]+)</dt><dd><b>([^<]+)</b><span>([^<]+)</span></dd></div>", text)
    return {name: (value, meaning) for name, value, meaning in found}


def falling(phi, **changes):
    """A measurement of this curve alone, as a file has it: without the numbers that follow from it."""
    lags = list(range(len(phi)))
    return {"lags": lags, "norms": {"h": [phi]}, "horizon": lags[-1], "censored": False, **changes}


def page_of(**content):
    return Page(report_page(Report(**{"title": "t", "facts": {}, **content})))


def test_a_page_loads_nothing_and_runs_nothing():
    text = flow_page(vanishing())
    page = Page(text)
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(page.seen)
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://", text)


def test_a_page_leads_with_the_findings():
    text = flow_page(vanishing())
    (found,) = vanishing().findings
    said = Page(text).text
    for part in (found.evidence, found.meaning, found.remedy, found.command):
        assert part in said
    assert text.index("Vanishing") < text.index("<svg")


def test_a_healthy_network_s_page_says_so_and_an_unexamined_one_s_does_not():
    assert "no illness that throughtime knows of" in Page(flow_page(healthy())).text
    assert "Nobody has looked yet" in page_of(flow=healthy().record()).text
    assert "was not measured" in page_of().text


def test_the_numbers_are_the_flow_s():
    said = Page(flow_page(healthy())).text
    assert f"{healthy().horizon()} lags" in said
    relative = healthy().norms["h"][0] / healthy().norms["h"][0, 0]
    assert f"10 {relative[10]:.3g}" in said


def test_in_short_are_the_numbers_that_matter():
    text = report_page(Report(title="t", facts={}, flow=healthy().record(), reach=1, left_out=0.25))
    beyond = f"{100 * healthy().mass_beyond(1):.0f}% lies beyond its last lag"
    assert in_short(text) == {
        "Horizon": (f"{healthy().horizon()} lags", "in which 99% of the gradient lies"),
        "Half-life": (f"{healthy().half_life:.3g} lags", "steps back until the gradient has halved"),
        "Training reaches back": ("1 lag", "at most: the truncation"),
        "Training leaves out": (
            "25%",
            f"of the measured gradient, which training cannot see; {beyond}",
        ),
    }


@pytest.mark.parametrize(
    ("record", "half_life"),
    [
        (falling([1.0, 0.5, 0.25], half_life=1.0), "1 lag"),
        (falling([1.0, 1.0, 2.0], half_life=None, falls=False), "infinite"),
        (falling([1.0, 0.5], half_life=None, falls=False), "unknown"),
    ],
)
def test_a_half_life_that_is_no_number_says_why(record, half_life):
    found = in_short(report_page(Report(title="t", facts={}, flow=record)))
    assert found["Half-life"][0] == half_life
    assert ("does not fall" in found["Half-life"][1]) == (half_life == "infinite")
    assert ("too few lags" in found["Half-life"][1]) == (half_life == "unknown")


def test_a_bounded_horizon_of_one_lag_is_told_in_the_singular():
    found = in_short(report_page(Report(title="t", facts={}, flow=falling([1.0, 0.5], censored=True))))
    assert found["Horizon"] == ("at least 1 lag", "the gradient reaches beyond what was measured")


def test_where_no_gradient_is_there_is_no_horizon_either():
    text = report_page(Report(title="t", facts={}, flow=falling([0.0, 0.0, 0.0]), reach=5))
    assert list(in_short(text)) == ["Training reaches back"]


def test_what_is_too_short_to_judge_is_not_called_healthy():
    page = page_of(findings=[], flow=falling([1.0, 0.5])).text
    assert "Too short to tell" in page
    assert "--max-lag" in page
    assert "no illness" not in page
    assert "Too short to tell" in page_of(findings=[], flow=falling([1.0, 0.5, 0.25])).text
    page = page_of(findings=[], flow=falling([1.0, 1e-3, 1e-6])).text
    assert "Too short to tell" not in page
    assert "no illness" in page


def test_a_gradient_that_is_no_number_is_refused_and_a_notebook_says_so(tmp_path):
    model = tt.SequenceModel(2, 4, 1, "rnn", seed=0)
    model.params["readout.weight"][...] = np.nan
    x = np.ones((9, 2, 2), np.float32)
    flow = tt.gradient_flow(model, x, x[..., :1])
    with pytest.raises(tt.DivergedError, match="not a number at lag 0"):
        flow.to_html(tmp_path / "flow.html")
    with pytest.raises(tt.DivergedError, match="not a number at lag 0"):
        flow.plot()
    assert "not a number at lag 0" in Page(flow._repr_html_()).text


def test_each_part_of_the_state_and_each_layer_has_its_curve():
    model = tt.SequenceModel(2, 4, 1, "lstm", num_layers=3, seed=0)
    x = np.random.default_rng(0).standard_normal((30, 2, 2), np.float32)
    text = flow_page(tt.gradient_flow(model, x, x[..., :1]))
    assert "the state h" in text
    assert "the memory cell c" in text
    said = Page(text).text
    assert all(name in said for name in ("layer 0 (bottom)", "layer 1", "layer 2 (top)"))


def test_a_training_s_page_has_its_course():
    page = page_of(
        probes=[probe(0), probe(10), probe(20)],
        metrics=[update(step, clipped=step % 2 == 0) for step in range(1, 21)]
        + [{"step": 20, "val_loss": 1.5}],
        reach=9,
    )
    for part in ("while training", "Learning curve", "held-out text", "Clipping shortened 50%", "Horizon"):
        assert part in page.text
    assert "training reaches 9" in page.text
    assert "9 lags" in page.text


def test_the_truncation_that_auto_chose_is_drawn():
    chosen = [
        probe(step, truncation={"K": 5 + step, "relative_bias": 0.08, "beta": 0.7, "finite": finite})
        for step, finite in ((0, True), (10, True), (20, False))
    ]
    page = page_of(probes=chosen).text
    assert "the truncation that training chose for itself" in page
    assert "step K bound of the relative bias 0 5 0.08 10 15 0.08 20 25 0.08" in page
    assert "no K that was allowed was enough" in page
    assert "no K that was allowed was enough" not in page_of(probes=chosen[:2]).text
    assert "chose for itself" not in page_of(probes=[probe(0), probe(10)]).text


def test_why_training_ended_comes_before_all_else():
    metrics = [update(1), {"step": 1, "stopped": "training diverged: lower --lr, or <clip>"}]
    text = report_page(Report(title="t", facts={}, findings=vanishing().findings, metrics=metrics))
    assert "Training diverged: lower --lr, or <clip>" in Page(text).text
    assert text.index("did not come to its end") < text.index("Vanishing")
    assert "did not come to its end" not in page_of(metrics=[*metrics, update(2)]).text


def test_every_chart_has_a_sentence_above_and_every_section_of_charts_one_before():
    text = report_page(
        Report(title="t", facts={}, probes=[probe(0), probe(9)], metrics=[update(1), update(2)], reach=5)
    )
    charts = text.count("<svg class")
    assert charts == 7
    assert len(re.findall(r'<h3>[^<]+</h3>\n<p class="lead">[^<]+</p>\n<svg', text)) == charts
    assert len(re.findall(r'</h2>\n<p>[^<]+</p>\n<div class="grid">', text)) == 3


def test_the_numbers_of_a_course_are_there_to_be_read():
    metrics = [
        update(1),
        *({"step": step, "val_loss": 2 - step / 10, "val_perplexity": 7.0} for step in (1, 2)),
    ]
    page = page_of(probes=[probe(0), probe(7, horizon=3, half_life=1.5, censored=True)], metrics=metrics).text
    assert "step loss on held-out text perplexity 1 1.9 7 2 1.8 7" in page
    assert "7 at least 3 1.5" in page


def test_the_heat_map_leaves_out_the_lags_at_which_nothing_is_left():
    phi = [10.0**-lag for lag in range(101)]
    short = [probe(step, norms={"h": [phi]}, lags=list(range(101)), percentiles={}) for step in (0, 10)]
    assert "From lag 10 on, less than a millionth was left" in page_of(probes=short).text
    level = [
        probe(step, norms={"h": [[1.0] * 101]}, lags=list(range(101)), percentiles={}) for step in (0, 1)
    ]
    assert "less than a millionth" not in page_of(probes=level).text


def test_growth_beyond_all_numbers_is_drawn_at_the_top():
    assert relative([1e-300, 1e300, None], [1e-300])[1] == sys.float_info.max


def test_saturation_is_told_of_what_a_cell_has():
    def said(**gates):
        return page_of(flow=probe(0, saturation=[gates])).text

    ends = {"left": 0.25, "right": 0.5, "saturated": 0.75, "dead": None}
    assert "Saturation of the gates" in said(r=ends, z=ends, n=ends)
    assert "reset gate r 25.0% 50.0%" in said(r=ends, z=ends, n=ends)
    assert "Saturation of the state" in said(h=ends)
    relu = said(h={"kind": "relu", "left": None, "right": None, "dead": 0.5})
    assert "Dead units" in relu
    assert "at the low end" not in relu


def test_an_option_is_not_cut_at_its_hyphens():
    finding = Finding("x", "caution", "seen", "means", "try --lr 0.1", "throughtime train --max-steps 5")
    text = report_page(Report(title="t", facts={}, findings=[finding]))
    assert re.findall(r'<span class="option">([^<]+)</span>', text) == ["--lr", "--max-steps"]


@pytest.mark.parametrize(
    "content",
    [
        {"metrics": [update(1, loss=None, grad_norm=None), update(2, loss=1e300, grad_norm=1e-300)]},
        {"metrics": [update(1), {"step": 1, "stopped": "diverged"}, {"step": 1, "incident": "x"}]},
        {"metrics": [{"step": 1, "val_loss": None}]},
        {"probes": [{"step": 1}]},
        {
            "probes": [
                {"step": 1},
                {"step": 2, "norms": {"h": [[None] * 3]}, "lags": [0, 1, 2], "percentiles": {}},
            ]
        },
        {"probes": [{"step": 1, "half_life": None, "falls": False, "censored": True}, {"step": 2}]},
        {"flow": {"step": 0, "norms": {"h": [[0.0, 0.0]]}, "lags": [0, 1], "percentiles": {}}},
        {
            "flow": {
                "step": 0,
                "norms": {"h": [[1e300, 1e-300, 5e-324]]},
                "lags": [0, 1, 2],
                "percentiles": {},
            }
        },
        {"flow": {"step": 0, "norms": {"h": [[1e-300, 1e300]]}, "lags": [0, 1], "percentiles": {}}},
        {"flow": {"step": 0, "saturation": []}},
        {"flow": {"step": 0, "saturation": [{"h": {"kind": "relu", "dead": 0.5}}]}},
    ],
)
def test_whatever_was_recorded_makes_a_page(content):
    measured = {name: probe(**content[name]) for name in content.keys() & {"flow"}}
    if "probes" in content:
        measured["probes"] = [probe(**changes) for changes in content["probes"]]
    page = page_of(**content | measured)
    assert "nan" not in page.text.lower().split()
    assert "None" not in page.text


def test_what_a_user_has_named_cannot_become_markup():
    evil = "<script>alert(1)</script>\"'&"
    finding = Finding(evil, "problem", evil, evil, evil, evil)
    page = page_of(title=evil, facts={evil: evil}, findings=[finding], flow=healthy().record())
    assert "script" not in page.seen
    assert page.text.count("alert(1)") >= 7


def test_a_long_run_s_page_is_small():
    many = [probe(step) for step in range(0, 4000, 10)]
    metrics = [update(step, loss=math.sin(step) + 2) for step in range(1, 4001)]
    assert len(report_page(Report(title="t", facts={}, probes=many, metrics=metrics))) < 400_000


def test_to_html_writes_the_page(tmp_path):
    healthy().to_html(tmp_path / "flow.html")
    assert (tmp_path / "flow.html").read_text() == flow_page(healthy())
