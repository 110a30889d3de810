"""compare.html: the variants' curves over one another, on one page that opens without a network."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from throughtime.compare.course import Course, read_course
from throughtime.compare.outcome import Outcome
from throughtime.compare.readings import COLUMNS, readings, row, unit_of
from throughtime.compare.record import Record, outcomes_of
from throughtime.flow.drawing import Axis, Mark, Series, lines
from throughtime.flow.report.content import relative
from throughtime.flow.report.lags import LAG, STRENGTH, half_life
from throughtime.flow.report.page import chart, facts, glossary, grid, page, paragraph, section, table
from throughtime.flow.report.render import GLOSSARY
from throughtime.storage import write_whole

PAGE = "compare.html"

_STEP = Axis("training step")
_STORY = (
    "Every variant has read the same text in the same order for as many updates. What differs is how far back in time a loss "
    "still reaches the network's state: a network whose gradient vanishes within a few steps cannot learn what lies "
    "further back, however long it is trained."
)
_LAGS = (
    "The curves show how strongly the loss at one step still reaches the top layer's state so many steps earlier, compared with lag 0. A "
    "straight fall means that every step back weakens the signal by the same factor; a level line, that it is passed on "
    "undiminished; a rise, that it grows, and training is thrown off."
)
_WORDS = ("Lag", "Horizon", "Half-life", "Truncation", "Clipping")


def write_page(out: Path, record: Record) -> None:
    """Write compare.html from the record and the runs beside it; of variants to come it has only the names.

    Raises
    ------
    RunError
        A run's files are damaged.
    """
    outcomes = outcomes_of(out, record)
    courses = {each.variant: read_course(out / each.variant) for each in outcomes if each.state != "to come"}
    write_whole(out / PAGE, comparison_page(out.resolve().name, record, outcomes, courses).encode())


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
    said = "".join(f"<li>{escape(line)}</li>" for line in readings(outcomes))
    return page(
        f"Where the gradient goes: {name}",
        facts(_facts(record, outcomes)),
        section("What came of it", paragraph(_STORY), f"<ul>{said}</ul>" if said else "", _table(outcomes)),
        _reach(courses),
        section(
            "The course of training",
            grid(_loss_chart(courses), _horizon_chart(courses), _half_life_chart(courses)),
        ),
        section("The words", glossary({word: GLOSSARY[word] for word in _WORDS})),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _facts(record: Record, outcomes: Sequence[Outcome]) -> dict[str, str]:
    done = sum(each.state != "to come" for each in outcomes)
    longest = max((each.steps or 0 for each in outcomes), default=0)
    shared = {
        "Hidden size": "hidden-size",
        "Layers": "num-layers",
        "Optimiser": "optimizer",
        "Truncation": "truncation",
        "Seed": "seed",
    }
    setting = record["setting"]
    return {
        "Text": f"{record['corpus']['name']}, {record['corpus']['tokens']:,} tokens",
        "Variants": str(len(outcomes)) if done == len(outcomes) else f"{done} of {len(outcomes)} trained",
        "Training": f"{longest:,} updates each",
        **{
            heading: str(setting[option])
            for heading, option in shared.items()
            if setting.get(option) is not None
        },
    }


def _table(outcomes: Sequence[Outcome]) -> str:
    unit = unit_of(outcomes)
    headings = [unit if name == "validation" else name for name in COLUMNS]
    return table(headings, [row(each, unit) for each in outcomes])


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
    return chart(title, lines(series, _STEP, axis, title=title, description=said, marks=marks), said)


def _horizon_chart(courses: Mapping[str, Course]) -> str:
    said = [
        "The lag within which 99% of the top layer's gradient lies. Where it rises, a network learns to look further back."
    ]
    series = _through_training(courses, lambda probe: probe["horizon"])
    at_least = _through_training(courses, lambda probe: probe["horizon"] if probe["censored"] else None)
    if any(value is not None for one in at_least for value in one.y):
        longest = max(probe["lags"][-1] for course in courses.values() for probe in course.probes)
        said.append(
            f"A triangle: the gradient reached beyond the measured {longest} lags, so the horizon is longer still."
        )
        series += [replace(one, label="", kind="points") for one in at_least]
    return _lags_chart("Horizon while training", series, said)


def _half_life_chart(courses: Mapping[str, Course]) -> str:
    said = ["The number of lags in which the top layer's gradient halves."]
    series = _through_training(courses, half_life)
    if any(value is None for one in series for value in one.y):
        said.append("A gap: the gradient does not fall with the lag, or nothing could be fitted.")
    return _lags_chart("Half-life while training", series, said)


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


def _lags_chart(title: str, series: Sequence[Series], said: Sequence[str]) -> str:
    if all(len(one.x) < 2 for one in series):
        return ""
    axis = Axis("lags (steps of the text)", log=True)
    return chart(title, lines(series, _STEP, axis, title=title, description=said[0]), *said)
