"""study.html: success against length for each way of training, and the horizon beside it, on one page."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from throughtime.flow.drawing import Axis, Bar, Series, bars, lines
from throughtime.flow.drawing import Group as Bars
from throughtime.flow.report.page import chart, facts, glossary, grid, page, section, table
from throughtime.flow.report.render import GLOSSARY
from throughtime.flow.words import counted
from throughtime.storage import write_whole
from throughtime.study.plan import Study
from throughtime.study.readings import CAPS, by_length, headings, length, longest, readings, row, success
from throughtime.study.run import Found
from throughtime.study.settings import apart, common
from throughtime.study.summary import Group, Horizons, groups_of

PAGE = "study.html"

_LENGTH = Axis("length of the sequences (steps)", whole=True)
_SHARE = Axis("share that succeeded", lowest=0.0, highest=1.0, from_zero=True, reaching=1.0)
_LAGS = Axis("lags (steps)", from_zero=True)
_SUCCESS = (
    "How many of the trials, which differ in their seeds alone, learned the task: fewer than 1% of fresh sequences answered "
    "wrong."
)
_HORIZON = (
    "The lag within which 99% of the top layer's gradient lies, on fresh sequences; the median over the seeds. What lies "
    "further back hardly counts in training."
)
_WHOLE = "All there are: so many lags the sequences have."
# Told by the charts and tables, or of no interest to a reader.
_SAID_ELSEWHERE = ("task", "corpus", "length", "seed")


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
        section("What sets the ways of training apart", _ways(study)),
        *(_task(subject, groups) for subject in dict.fromkeys(each.subject for each in groups)),
        section("All numbers", table(headings(groups), [row(each, groups) for each in groups])),
        section("The words", glossary({word: GLOSSARY[word] for word in ("Gradient", "Lag", "Horizon")})),
        "<footer>Written by throughtime. This page is one file and loads nothing from elsewhere.</footer>",
    )


def _facts(study: Study, done: int) -> dict[str, str]:
    """How much there is, and what all trials have in common."""
    total = len({each.trial for each in study.trials})
    told = {
        "trials": str(total) if done == total else f"{done} of {total}",
        "seeds": str(len({each.trial.seed for each in study.trials})),
        **{name: value for name, value in common(study).items() if name not in _SAID_ELSEWHERE},
    }
    return {name[0].upper() + name[1:]: value for name, value in told.items()}


def _ways(study: Study) -> str:
    """The settings of each way that are not those of all."""
    own = apart(study)
    names = list(dict.fromkeys(name for settings in own.values() for name in settings))
    if not names:
        return ""
    return table(
        ["way", *names],
        [[way, *(settings.get(name, "-") for name in names)] for way, settings in own.items()],
    )


def _task(subject: str, groups: Sequence[Group]) -> str:
    """The charts of one task; of a text the table says all."""
    mine = [each for each in groups if each.subject == subject and each.span is not None]
    if not mine:
        return ""
    if len({each.span for each in mine}) < 2:
        return section(subject, grid(_success_bars(mine), _horizon_bars(mine)))
    before = _horizon_chart("Horizon before the first update", mine, lambda each: each.horizon_before)
    after = _horizon_chart("Horizon at the end", mine, lambda each: each.horizon_after)
    return section(subject, grid(_success_chart(mine), after, before), _success_table(mine))


def _success_table(mine: Sequence[Group]) -> str:
    """A row for each way of training, a column for each length."""
    lengths = dict.fromkeys(length(each) for each in sorted(mine, key=by_length))
    by_place = {(each.way, length(each)): success(each) for each in mine}
    ways = dict.fromkeys(each.way for each in mine)
    rows = [[way, *(by_place.get((way, each), "-") for each in lengths)] for way in ways]
    return table(["succeeded at length", *lengths], rows)


def _success_bars(mine: Sequence[Group]) -> str:
    title = "Success"
    shares = [Bar(each.way, [each.successes / len(each.results)]) for each in mine]
    svg = bars([Bars(f"length {length(mine[0])}", shares)], ["succeeded"], title=title, description=_SUCCESS)
    return chart(title, svg, _SUCCESS, *_caps(mine))


def _horizon_bars(mine: Sequence[Group]) -> str:
    title = "Horizon"
    moments: dict[str, Callable[[Group], Horizons]] = {
        "before the first update": lambda each: each.horizon_before,
        "at the end": lambda each: each.horizon_after,
    }
    found = [
        Bars(name, [Bar(each.way, [_share_of_all(of(each).median, each)]) for each in mine])
        for name, of in moments.items()
    ]
    svg = bars(found, ["of all the lags that there are"], title=title, description=_HORIZON)
    return chart(title, svg, _HORIZON)


def _share_of_all(lags: float | None, group: Group) -> float | None:
    return lags / group.lags if lags is not None and group.lags else None


def _success_chart(mine: Sequence[Group]) -> str:
    title = "Success"
    series = _by_way(mine, lambda each: each.successes / len(each.results))
    return chart(
        title, lines(series, _LENGTH, _SHARE, title=title, description=_SUCCESS), _SUCCESS, *_caps(mine)
    )


def _horizon_chart(title: str, mine: Sequence[Group], of: Callable[[Group], Horizons]) -> str:
    series = _by_way(mine, lambda each: of(each).median)
    there_is = sorted({(longest(each.span), each.lags) for each in mine})
    whole = Series("all there are", [x for x, _ in there_is], [y for _, y in there_is], colour=7)
    svg = lines([whole, *series], _LENGTH, _LAGS, title=title, description=_HORIZON)
    return chart(title, svg, _HORIZON, _WHOLE)


def _by_way(mine: Sequence[Group], value: Callable[[Group], float | None]) -> list[Series]:
    """A number of each group: a curve over the lengths for each way of training."""
    found = []
    for colour, way in enumerate(dict.fromkeys(each.way for each in mine)):
        own = sorted((each for each in mine if each.way == way), key=by_length)
        found.append(
            Series(way, [longest(each.span) for each in own], [value(each) for each in own], colour=colour)
        )
    return found


def _caps(mine: Sequence[Group]) -> list[str]:
    capped = sum(each.capped for each in mine)
    return [f"{counted(capped, 'trial')} {'was' if capped == 1 else 'were'} capped. {CAPS}"] if capped else []


def _listed(said: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<ul>{items}</ul>" if items else ""
