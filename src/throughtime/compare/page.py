"""compare.html: the variants' curves over one another, on one page that opens without a network."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from throughtime.compare.course import Course, read_course
from throughtime.compare.outcome import Outcome
from throughtime.compare.readings import headings, readings, row, unit_of, updates_made
from throughtime.compare.record import Record, outcomes_of
from throughtime.compare.settings import apart, common
from throughtime.flow.drawing import Axis, Mark, Series, lines
from throughtime.flow.report.content import STEP, relative
from throughtime.flow.report.lags import LAG, STRENGTH, half_life
from throughtime.flow.report.page import (
    chart,
    facts,
    glossary,
    grid,
    notice,
    page,
    paragraph,
    section,
    table,
)
from throughtime.flow.report.render import GLOSSARY
from throughtime.storage import write_whole

PAGE = "compare.html"

_STORY = (
    "What differs is how far back in time a loss still reaches the network's state: a network whose gradient vanishes within "
    "a few steps cannot learn what lies further back, however long it is trained."
)
_TIME = "Time includes the evaluations and the probes, which measure the gradient in every variant."
_LAGS = (
    "The curves show how strongly the loss at one step still reaches the top layer's state so many steps earlier, compared with lag 0. A "
    "straight fall means that every step back weakens the signal by the same factor; a level line, that it is passed on "
    "undiminished; a rise, that it grows, and training is thrown off."
)
_TAG = re.compile("<[^>]*>")


def write_page(out: Path, record: Record) -> None:
    """Write compare.html from the record and the runs beside it; of variants to come it has only the names.

    Raises
    ------
    RunError
        A run's files are damaged.
    """
    outcomes = outcomes_of(record)
    courses = {each.variant: read_course(out / each.variant) for each in outcomes if each.state != "to come"}
    content = comparison_page(out.resolve().name, record, outcomes, courses)
    # A name that is not UTF-8 is shown as an escape.
    write_whole(out / PAGE, content.encode("utf-8", "backslashreplace"))


def comparison_page(
    name: str, record: Record, outcomes: Sequence[Outcome], courses: Mapping[str, Course]
) -> str:
    """Return the page.

    Parameters
    ----------
    name : str
        Of the comparison.
    record : dict
        What compare.json holds.
    outcomes : sequence of Outcome
    courses : mapping of str to Course
        By variant, of those that were trained.
    """
    parts = [
        facts(_facts(record, outcomes)),
        section(
            "What came of it",
            paragraph(_budget(outcomes)),
            *_apart(record),
            *_diverged(outcomes),
            *_results(outcomes),
        ),
        _reach(courses),
        section(
            "The course of training",
            grid(_loss_chart(courses), _horizon_chart(courses), _half_life_chart(courses)),
        ),
    ]
    return page(
        f"Where the gradient goes: {name}",
        *parts,
        section("The words", glossary(_words(parts))),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _facts(record: Record, outcomes: Sequence[Outcome]) -> dict[str, str]:
    done = sum(each.state != "to come" for each in outcomes)
    made = updates_made(outcomes)
    told = {
        "text": f"{record['corpus']['name']}, {record['corpus']['tokens']:,} tokens",
        "variants": str(len(outcomes)) if done == len(outcomes) else f"{done} of {len(outcomes)} trained",
    }
    if made:
        told["training"] = (
            f"{made[0]:,} updates each" if len(made) == 1 else f"{made[0]:,} to {made[-1]:,} updates"
        )
    told |= common(record["variants"])
    if record["setting"].get("seed") is not None:
        told["seed"] = str(record["setting"]["seed"])
    return {name[0].upper() + name[1:]: value for name, value in told.items()}


def _budget(outcomes: Sequence[Outcome]) -> str:
    """The story, as far as it holds: early ends leave unequal numbers of updates, which the readings tell."""
    alike = " for as many updates" if len(updates_made(outcomes)) < 2 else ""
    return f"Every variant has read the same text in the same order{alike}. {_STORY}"


def _diverged(outcomes: Sequence[Outcome]) -> list[str]:
    return [notice(f"{each.variant} diverged", each.stopped) for each in outcomes if each.stopped]


def _apart(record: Record) -> list[str]:
    """What each variant has of its own."""
    own = apart(record["variants"])
    if not any(own):
        return []
    lines = [f"{entry['variant']}: {each}" for entry, each in zip(record["variants"], own, strict=True)]
    return [paragraph("What sets them apart:"), _listed(lines)]


def _results(outcomes: Sequence[Outcome]) -> list[str]:
    """What the numbers say, and the table of them."""
    unit = unit_of(outcomes)
    rows = [row(each, unit) for each in outcomes]
    return [_listed(readings(outcomes)), table(headings(unit), rows), paragraph(_TIME)]


def _listed(said: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<ul>{items}</ul>" if items else ""


def _words(parts: Sequence[str]) -> dict[str, str]:
    """The meanings of the words that occur."""
    said = _TAG.sub(" ", " ".join(parts))
    return {
        word: meaning
        for word, meaning in GLOSSARY.items()
        if re.search(rf"\b{re.escape(word)}", said, re.IGNORECASE)
    }


def _reach(courses: Mapping[str, Course]) -> str:
    """The curves of all at the start, in the middle and at the end of training."""
    shared = sorted({probe["step"] for course in courses.values() for probe in course.probes})
    if not shared:
        return ""
    middle = min(shared, key=lambda step: abs(step - shared[-1] / 2))
    moments = dict.fromkeys((shared[0], middle, shared[-1]))  # in a short training they may be one
    names = ["Before the first update" if shared[0] == 0 else f"After {shared[0]:,} updates"]
    names += [f"After {step:,} updates" for step in list(moments)[1:]]
    charts = [_lag_chart(courses, step, name) for step, name in zip(moments, names, strict=True)]
    return section("How far back the gradient reaches", paragraph(_LAGS), grid(*charts))


def _lag_chart(courses: Mapping[str, Course], step: int, name: str) -> str:
    series = []
    for colour, (variant, course) in enumerate(courses.items()):
        probe = next((each for each in course.probes if each["step"] == step), None)
        if probe is not None:
            phi = probe["norms"]["h"][-1]
            series.append(Series(variant, probe["lags"], relative(phi, phi), colour=colour))
    missing = [variant for variant in courses if variant not in {one.label for one in series}]
    said = [f"Not measured here: {', '.join(missing)}."] if missing else []
    return chart(name, lines(series, LAG, STRENGTH, title=name, description=_LAGS), *said)


def _loss_chart(courses: Mapping[str, Course]) -> str:
    # A variant that diverged before its first evaluation has only losses of another text.
    held_out = any(course.held_out for course in courses.values())
    series = [
        Series(
            variant,
            [point.step for point in course.scored],
            [point.loss for point in course.scored],
            colour=k,
        )
        for k, (variant, course) in enumerate(courses.items())
        if course.held_out == held_out
    ]
    if not any(one.y for one in series):
        return ""
    what = "text that none of them has learned from" if held_out else "the training text"
    said = f"How badly the next token is predicted on {what}: lower is better."
    marks = [
        Mark(course.diverged_at, f"{variant} diverged")
        for variant, course in courses.items()
        if course.diverged_at is not None
    ]
    title = "Learning curves"
    finite = [value for one in series for value in one.y if value is not None and 0 < value < math.inf]
    # The start is so much worse than all that comes after that on a linear axis the variants would not be told apart.
    axis = Axis("loss (nats per token)", log=bool(finite) and max(finite) > 3 * min(finite))
    return chart(title, lines(series, STEP, axis, title=title, description=said, marks=marks), said)


def _horizon_chart(courses: Mapping[str, Course]) -> str:
    said = [
        "The lag within which 99% of the top layer's gradient lies. Where it rises, a network learns to look further back."
    ]
    series = _through_training(courses, lambda probe: probe.get("horizon"))
    at_least = _through_training(
        courses, lambda probe: probe.get("horizon") if probe.get("censored") else None
    )
    if any(value is not None for one in at_least for value in one.y):
        said.append(
            "A triangle: the gradient reached beyond all lags that were measured, so the horizon is longer still."
        )
        series += [replace(one, label="", kind="points") for one in at_least]
    return _lags_chart("Horizon while training", series, said, courses)


def _half_life_chart(courses: Mapping[str, Course]) -> str:
    said = ["The number of lags in which the top layer's gradient halves."]
    series = _through_training(courses, half_life)
    if any(value is None for one in series for value in one.y):
        said.append("A gap: the gradient does not fall with the lag, or nothing could be fitted.")
    return _lags_chart("Half-life while training", series, said, courses)


def _through_training(
    courses: Mapping[str, Course], value: Callable[[Mapping[str, Any]], float | None]
) -> list[Series]:
    """A number of each probe, a curve for each variant."""
    return [
        Series(
            variant,
            [probe["step"] for probe in course.probes],
            [value(probe) for probe in course.probes],
            colour=k,
        )
        for k, (variant, course) in enumerate(courses.items())
    ]


def _lags_chart(
    title: str, series: Sequence[Series], said: Sequence[str], courses: Mapping[str, Course]
) -> str:
    if all(len(one.x) < 2 for one in series):
        return ""
    axis = Axis("lags (steps of the text)", log=True)
    if any(value is not None and value <= 0 for one in series for value in one.y):
        longest = max(probe["lags"][-1] for course in courses.values() for probe in course.probes)
        # A half-life can be far longer than all that was measured.
        axis = replace(axis, log=False, from_zero=True, highest=1.1 * longest)
    return chart(title, lines(series, STEP, axis, title=title, description=said[0]), *said)
