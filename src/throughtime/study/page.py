"""study.html: success against length for each way of training, and the horizon beside it, on one page."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from throughtime.flow.drawing import Axis, Bar, Series, bars, lines
from throughtime.flow.drawing import Group as Bars
from throughtime.flow.report.page import chart, facts, glossary, grid, page, section, table
from throughtime.flow.report.render import GLOSSARY
from throughtime.storage import write_whole
from throughtime.study.lengths import show_lengths
from throughtime.study.plan import Study
from throughtime.study.readings import CAPS, headings, longest, readings, row, success
from throughtime.study.run import Found
from throughtime.study.summary import Group, Horizons, groups_of

PAGE = "study.html"

_LENGTH = Axis("length of the sequences (steps)", whole=True)
_SHARE = Axis("share of the trials that succeeded", lowest=0.0, highest=1.0, from_zero=True)
_LAGS = Axis("lags (steps)", from_zero=True)
_SUCCESS = (
    "How many of the trials, which differ in their seeds alone, learned the task: fewer than 1% of fresh sequences answered "
    "wrong."
)
_HORIZON = (
    "The lag within which 99% of the top layer's gradient lies, on fresh sequences; the median over the seeds. What lies "
    "further back hardly counts in training."
)
_WHOLE = "The whole sequence: no gradient can reach further."
_SETTINGS = ("hidden_size", "optimizer", "lr", "batch_size", "max_steps")


def write_page(path: Path, study: Study, found: Sequence[Found]) -> None:
    """Write study.html."""
    write_whole(path, study_page(study, found).encode("utf-8", "backslashreplace"))


def study_page(study: Study, found: Sequence[Found]) -> str:
    """Return the page."""
    groups = groups_of(found)
    return page(
        f"Study: {study.name}",
        facts(_facts(study, len({each.planned.trial for each in found}))),
        section("What came of it", _listed(readings(groups))),
        *(_task(subject, groups) for subject in dict.fromkeys(each.subject for each in groups)),
        section("All numbers", table(headings(groups), [row(each, groups) for each in groups])),
        section("The words", glossary({word: GLOSSARY[word] for word in ("Gradient", "Lag", "Horizon")})),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _facts(study: Study, done: int) -> dict[str, str]:
    """How much there is, and what all trials have in common."""
    records = [each.trial.record() for each in study.trials]
    total = len({each.trial for each in study.trials})
    told: dict[str, Any] = {
        "trials": total if done == total else f"{done} of {total}",
        "seeds": len({record["seed"] for record in records}),
    }
    for name in _SETTINGS:
        values = {record[name] for record in records}
        if len(values) == 1:
            value = values.pop()
            words = {"lr": "learning rate", "max_steps": "updates at most"}.get(name, name.replace("_", " "))
            told[words] = f"{value:,}" if isinstance(value, int) else str(value)
    return {name[0].upper() + name[1:]: str(value) for name, value in told.items()}


def _task(subject: str, groups: Sequence[Group]) -> str:
    """The charts of one task; of a text the table says all."""
    mine = [each for each in groups if each.subject == subject and each.span is not None]
    if not mine:
        return ""
    if len({each.span for each in mine}) < 2:
        return section(subject, grid(_success_bars(subject, mine)))
    before = _horizon_chart("Horizon before the first update", mine, lambda each: each.horizon_before)
    after = _horizon_chart("Horizon at the end", mine, lambda each: each.horizon_after)
    return section(subject, grid(_success_chart(mine), after, before), _success_table(mine))


def _success_table(mine: Sequence[Group]) -> str:
    """A row for each way of training, a column for each length."""
    spans = sorted({each.span for each in mine if each.span is not None}, key=longest)
    by_place = {(each.way, each.span): success(each) for each in mine}
    ways = dict.fromkeys(each.way for each in mine)
    rows = [[way, *(by_place.get((way, span), "-") for span in spans)] for way in ways]
    return table(["succeeded at length", *map(show_lengths, spans)], rows)


def _success_bars(subject: str, mine: Sequence[Group]) -> str:
    title = "Success"
    shares = [Bar(each.way, [each.successes / len(each.results)]) for each in mine]
    svg = bars([Bars(subject, shares)], ["succeeded"], title=title, description=_SUCCESS)
    return chart(title, svg, _SUCCESS, *_caps(mine))


def _success_chart(mine: Sequence[Group]) -> str:
    title = "Success"
    series = _by_way(mine, lambda each: each.successes / len(each.results))
    return chart(
        title, lines(series, _LENGTH, _SHARE, title=title, description=_SUCCESS), _SUCCESS, *_caps(mine)
    )


def _horizon_chart(title: str, mine: Sequence[Group], of: Callable[[Group], Horizons]) -> str:
    series = _by_way(mine, lambda each: of(each).median)
    at_least = _by_way(mine, lambda each: of(each).median if of(each).censored else None)
    said = [_WHOLE]
    if any(value is not None for one in at_least for value in one.y):
        said.append("A triangle: the horizon is at least so long.")
        series += [
            Series("", one.x, one.y, kind="points", colour=colour) for colour, one in enumerate(at_least)
        ]
    spans = sorted({longest(each.span) for each in mine})
    whole = Series("the whole sequence", spans, spans, colour=7)
    return chart(
        title, lines([*series, whole], _LENGTH, _LAGS, title=title, description=_HORIZON), _HORIZON, *said
    )


def _by_way(mine: Sequence[Group], value: Callable[[Group], float | None]) -> list[Series]:
    """A number of each group: a curve over the lengths for each way of training."""
    found = []
    for colour, way in enumerate(dict.fromkeys(each.way for each in mine)):
        own = sorted((each for each in mine if each.way == way), key=lambda each: longest(each.span))
        found.append(
            Series(way, [longest(each.span) for each in own], [value(each) for each in own], colour=colour)
        )
    return found


def _caps(mine: Sequence[Group]) -> list[str]:
    capped = sum(each.capped for each in mine)
    return [f"{capped} trials were capped. {CAPS}"] if capped else []


def _listed(said: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<ul>{items}</ul>" if items else ""
