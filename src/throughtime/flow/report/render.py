"""The report as a page: what stands out first, then the charts, and at the end the words."""

import math

from throughtime.flow.curve import Curve
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.findings.numbers import percent
from throughtime.flow.report.content import Record, Report, top_curve
from throughtime.flow.report.course import loss_chart, norm_chart
from throughtime.flow.report.gates import saturation_chart, saturation_course
from throughtime.flow.report.lags import half_life, heat_chart, lag_chart
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
from throughtime.flow.report.stability import stability_in_words
from throughtime.flow.words import ELSEWHERE, TOO_SHORT, counted, half_life_in_words, horizon_in_words

GLOSSARY = {
    "Gradient": "What training goes by: in which direction, and how strongly, each number in the network would have to "
    "change for the loss to fall.",
    "Lag": "How many steps back: from the step of the loss to an earlier step of the network's state. At lag 0 it is the "
    "state of the same step.",
    "Horizon": "The lag within which 99% of the gradient lies, all lags added up. What is further back than this hardly "
    "counts in training.",
    "Half-life": "The number of lags in which the gradient halves. Where it is short, the gradient vanishes; where there "
    "is none, the gradient stays as it is or grows.",
    "Truncation": "How many steps back training follows the gradient; what lies beyond is left out to save time. The first losses "
    "of an update are followed less far than the last ones.",
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
_BESIDES = "For a closer look: what the weights, the steps and the size of numbers do to a gradient."


def report_page(report: Report) -> str:
    """Return the report as one HTML file that needs no network."""
    last = report.last
    return page(
        report.title,
        facts(report.facts),
        section("What stands out", _ending(report), _findings(report)),
        "" if last is None else section("In short", figures(_in_short(last, report))),
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
        _besides(report),
        section("The words", glossary(GLOSSARY)),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _charts(heading: str, said: str, *charts: str) -> str:
    """A section of charts, with what they are about; nothing where there is none."""
    return section(heading, paragraph(said), grid(*charts)) if any(charts) else ""


def _besides(report: Report) -> str:
    """What was measured besides the curves, if there is any."""
    said = stability_in_words(report.stability, report.last or {})
    return section("What was measured besides", paragraph(_BESIDES), glossary(said)) if said else ""


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
    curve = top_curve(report.last)
    if curve is not None and curve.phi[0] == 0:
        return paragraph(ELSEWHERE)
    if curve is None or curve.too_short:
        return paragraph(TOO_SHORT)
    return paragraph("Nothing: no illness that throughtime knows of was found in these measurements.", "good")


def _in_short(last: Record, report: Report) -> list[tuple[str, str, str]]:
    """The numbers that matter most."""
    curve = top_curve(last)
    found = [] if curve is None or math.isnan(curve.mean_lag) else [*_horizon(last), _half_life(last, curve)]
    if report.reach is not None:
        every = f"; every loss reaches {report.shortest:,} or more" if report.shortest else ": the truncation"
        found.append(("Training reaches back", counted(report.reach, "lag"), f"at most{every}"))
        if report.left_out is not None and curve is not None:
            beyond = percent(curve.mass_beyond(report.reach))
            meaning = (
                f"of the measured gradient, which training cannot see; {beyond} lies beyond its last lag"
            )
            found.append(("Training leaves out", percent(report.left_out), meaning))
    return found


def _horizon(last: Record) -> list[tuple[str, str, str]]:
    if not is_number(last.get("horizon")):
        return []
    meaning = "in which 99% of the gradient lies"
    if last.get("censored"):
        meaning = "the gradient reaches beyond what was measured"
    return [("Horizon", horizon_in_words(last["horizon"], bool(last.get("censored"))), meaning)]


def _half_life(last: Record, curve: Curve) -> tuple[str, str, str]:
    value = half_life(last)
    lags = curve.half_life if value is None else value
    meaning = "steps back until the gradient has halved"
    if not math.isfinite(lags):
        meaning = (
            "the gradient does not fall with the lag" if lags > 0 else "too few lags were measured to tell"
        )
    return "Half-life", half_life_in_words(lags), meaning
