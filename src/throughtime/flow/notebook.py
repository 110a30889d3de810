"""A flow as a notebook shows it: the few numbers that matter, the curves, and what stands out."""

from html import escape
from typing import TYPE_CHECKING

from throughtime.errors import DivergedError
from throughtime.flow.drawing import STYLE
from throughtime.flow.drawing.frame import element
from throughtime.flow.report.lags import lag_svg, lag_title
from throughtime.flow.words import ELSEWHERE, cell_in_words, reach_in_words

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow

# A notebook's own colours show through, whatever its theme: the text takes them over.
_STYLE = """.tt-notebook { max-width: 1000px; --tt-paper: transparent;
  --tt-0: #2f8fd0; --tt-1: #e0701f; --tt-2: #189a74; --tt-3: #cc66a6; }
.tt-notebook p { margin: 0 0 6px; }
.tt-notebook .tt-charts { display: flex; flex-wrap: wrap; gap: 0 16px; }
.tt-notebook .tt-charts > div { flex: 1 1 340px; max-width: 560px; }
.tt-notebook .tt-text, .tt-notebook .tt-name { fill: currentColor; }
.tt-notebook .tt-axis, .tt-notebook .tt-mark { stroke: currentColor; }
.tt-notebook .tt-grid { stroke: currentColor; stroke-opacity: .15; }
.tt-notebook .tt-halo { fill: currentColor; stroke: none; }
"""


def notebook_view(flow: "GradientFlow") -> str:
    """Return a flow as a fragment of HTML that brings its own style, and follows the notebook's light or dark."""
    try:
        record, curve, reach = flow.record(), flow.curve(), reach_in_words(flow)
    except DivergedError as error:
        return element("p", escape(str(error)))
    charts = [
        element("div", element("p", escape(lag_title(state))), lag_svg(record, state, None))
        for state in record["norms"]
    ]
    findings = [
        element("li", element("b", escape(f"{found.severity}: {found.name}")), " ", escape(found.evidence))
        for found in flow.findings
    ]
    nothing = "Too short to tell." if curve.too_short else "Nothing stands out."
    if curve.phi[0] == 0:
        nothing = ELSEWHERE
    said = element("ul", *findings) if findings else element("p", nothing)
    more = element("p", escape("flow.findings says what to try; flow.to_html(path) writes the whole report."))
    return element(
        "div",
        element("style", STYLE + _STYLE),
        element("p", element("b", escape(f"{cell_in_words(flow)}: {reach}"))),
        element("div", *charts, class_="tt-charts"),
        said,
        more if findings else "",
        class_="tt tt-notebook",
    )
