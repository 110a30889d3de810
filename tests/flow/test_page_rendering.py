"""The report as a browser lays it out: wide and narrow, light and dark, nothing sticks out and all can be read.

Scripts are forbidden in the page. The page around it has one, which may look inside as a frame of its own text.
"""

import json
import re
import shutil
import subprocess
from html import escape

import pytest
from tests.flow.illnesses import flow_of, orthogonal, plain

import throughtime as tt
from throughtime.flow.report import Report, Stability, flow_page, report_page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed"),
]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=5000",
]
LOOK = """
const found = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, style = frame.contentWindow.getComputedStyle(page.body);
  const charts = [...page.querySelectorAll("svg.tt-chart")];
  const out = charts.flatMap(chart => {
    const box = chart.getBoundingClientRect();
    return [...chart.querySelectorAll("text")].filter(each => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      // Its box has room above the letters, which a turned one has at its left.
      const slack = each.hasAttribute("transform") ? 4 : 1;
      return left < box.left - slack || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
    }).map(each => each.textContent);
  });
  found.push({
    width: frame.clientWidth, dark: frame.style.colorScheme == "dark",
    room: page.documentElement.clientWidth, scroll: page.documentElement.scrollWidth, paper: style.backgroundColor, ink: style.color,
    charts: charts.map(chart => chart.getBoundingClientRect().width), out,
  });
}
document.getElementById("found").textContent = JSON.stringify(found);
"""


def looked_at(text, place):
    """What a browser makes of a page with all of it unfolded, at two widths, light and dark."""
    text = text.replace("<details>", "<details open>")
    frames = "".join(
        f'<iframe srcdoc="{escape(text)}" style="width:{width}px;height:800px;border:0;color-scheme:{scheme}"></iframe>'
        for width in (360, 1280)
        for scheme in ("light", "dark")
    )
    outer = f'<!doctype html><meta charset="utf-8">{frames}<pre id="found"></pre>'
    outer += f'<script>addEventListener("load", () => {{{LOOK}}})</script>'
    (place / "outer.html").write_text(outer, encoding="utf-8")
    command = [
        BROWSER,
        *QUIET,
        f"--user-data-dir={place / 'browser'}",
        "--window-size=1400,900",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, (place / "outer.html").as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    (found,) = re.findall(r'<pre id="found">(.+?)</pre>', done.stdout)
    return json.loads(found)


def luminance(colour):
    """By the guidelines for accessible pages, of "rgb(r, g, b)"."""
    shares = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def whole_page():
    """Every section, with long names and no blanks to break them at."""
    flow = flow_of(plain("tanh", orthogonal(0.3)), steps=60)
    probes = [{"step": 10**step, **flow.record()} for step in (0, 3, 6)]
    metrics = [
        {
            "step": step,
            "loss": 2.0,
            "val_loss": 2.5,
            "val_perplexity": 12.0,
            "grad_norm": 1.0,
            "clipped": True,
        }
        for step in (1, 10**6)
    ]
    return report_page(
        Report(
            title="x" * 120,
            facts={"Text": "y" * 200, "Truncation": "chunk:20"},
            findings=flow.findings,
            flow=flow.record(),
            probes=probes,
            metrics=metrics,
            reach=55,
            left_out=0.1,
            stability=Stability(
                conditions=flow.conditions, chain={1: 0.1}, exponents=[-0.1], dtype="float64"
            ),
        )
    )


@pytest.mark.parametrize("which", ["run", "flow"])
def test_a_page_fits_any_width_and_follows_light_and_dark(which, tmp_path):
    text = whole_page() if which == "run" else flow_page(flow_of(tt.LSTM(3, 16, num_layers=2, seed=0)))
    found = looked_at(text, tmp_path)
    assert [(each["width"], each["dark"]) for each in found] == [
        (360, False), (360, True), (1280, False), (1280, True),
    ]  # fmt: skip
    for each in found:
        assert each["scroll"] <= each["room"]
        assert each["out"] == []
        assert len(each["charts"]) == text.count('class="tt-chart"')
        assert min(each["charts"]) > 300
        paper, ink = luminance(each["paper"]), luminance(each["ink"])
        assert (paper < 0.1) == each["dark"]
        # What the same guidelines ask of a page that everybody can read.
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 7
