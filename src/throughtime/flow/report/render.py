"""The report as a page: what stands out first, then the charts, and at the end the words."""

from throughtime.flow.drawing.numbers import is_number, short
from throughtime.flow.report.content import Record, Report, top_curve
from throughtime.flow.report.course import loss_chart, norm_chart
from throughtime.flow.report.gates import saturation_chart, saturation_course
from throughtime.flow.report.lags import half_life_in_words, heat_chart, horizon, lag_chart
from throughtime.flow.report.page import (
    facts,
    figures,
    finding,
    glossary,
    grid,
    notice,
    page,
    paragraph,
    section,
)
from throughtime.flow.report.reach import reach_chart, truncation_chart

GLOSSARY = {
    "Gradient": "What training goes by: in which direction, and how strongly, each number in the network would have to "
    "change for the loss to fall.",
    "Lag": "How many steps back: from the step of the loss to an earlier step of the network's state. At lag 0 it is the "
    "state of the same step.",
    "Horizon": "The lag within which 99% of the gradient lies, all lags added up. What is further back than this hardly "
    "counts in training.",
    "Half-life": "The number of lags in which the gradient halves. Where it is short, the gradient vanishes; where there "
    "is none, the gradient stays as it is or grows.",
    "Truncation": "How many steps back training follows the gradient; what lies beyond is left out to save time.",
    "Saturation": "A gate or state close to the end of its range, where it hardly responds any more and lets hardly any "
    "gradient through.",
    "Clipping": "Shortening a gradient that is longer than a limit, so that one update cannot throw the network off.",
}


_WAY = (
    "How much of a loss's gradient arrives at earlier and earlier states: the further to the right a curve stays high, the "
    "longer the network's memory can be trained."
)
_COURSE = (
    "How training went: in every chart it runs from the first update on the left to the last on the right."
)
_INSIDE = "Where gradients are lost: a unit that is stuck at an end of its range, or always off, passes hardly any on."


def report_page(report: Report) -> str:
    """Return the report as one HTML file that needs no network."""
    last = report.last
    return page(
        report.title,
        facts(report.facts),
        section("What stands out", _ending(report), _findings(report)),
        "" if last is None else section("In short", figures(_in_short(last, report.reach))),
        _charts(
            "Where the gradient goes",
            _WAY,
            *([] if last is None else [lag_chart(last, state, report.reach) for state in last["norms"]]),
        ),
        _charts(
            "The course of training",
            _COURSE,
            heat_chart(report.probes),
            reach_chart(report.probes),
            truncation_chart(report.probes),
            loss_chart(report.metrics),
            norm_chart(report.metrics),
        ),
        _charts(
            "Inside the network", _INSIDE, saturation_chart(last or {}), saturation_course(report.probes)
        ),
        section("The words", glossary(GLOSSARY)),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _charts(heading: str, said: str, *charts: str) -> str:
    """A section of charts, with what they are about; nothing where there is none."""
    return section(heading, paragraph(said), grid(*charts)) if any(charts) else ""


def _ending(report: Report) -> str:
    """Why training did not come to its end, if it did not."""
    reason = report.metrics[-1].get("stopped") if report.metrics else None
    return "" if reason is None else notice("Training did not come to its end", str(reason))


def _findings(report: Report) -> str:
    if report.findings:
        return "\n".join(finding(found) for found in report.findings)
    if report.last is None:
        return paragraph("The gradient's way back was not measured, so there is nothing to say about it.")
    if report.findings is None:
        return paragraph(
            "Nobody has looked yet. The command throughtime flow, followed by the run's directory, does."
        )
    return paragraph("Nothing: no illness that throughtime knows of was found in these measurements.", "good")


def _in_short(last: Record, reach: int | None) -> list[tuple[str, str, str]]:
    """The numbers that matter most."""
    found = [
        ("Half-life", half_life_in_words(last), "steps back until the gradient has halved"),
    ]
    if is_number(last.get("horizon")):
        meaning = "within them lies 99% of the gradient"
        if last.get("censored"):
            meaning = "the gradient reaches beyond what was measured"
        found.insert(0, ("Horizon", f"{horizon(last)} lags", meaning))
    curve = top_curve(last)
    if reach is not None:
        found.append(("Training reaches back", f"{reach} lags", "at most: the truncation"))
        if curve is not None:
            beyond = curve.mass_beyond(reach)
            told = "0%" if beyond == 0 else "under 0.01%" if beyond < 1e-4 else f"{short(100 * beyond, 2)}%"
            found.append(("Beyond that", told, "of the measured gradient, which training cannot see"))
    return found
