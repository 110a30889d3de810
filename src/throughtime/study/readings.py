"""The groups of a study as rows of a table and in sentences: numbers that were measured, and nothing beyond them."""

from collections.abc import Sequence

from throughtime.data.tasks import Lengths
from throughtime.study.lengths import show_lengths
from throughtime.study.summary import Group
from throughtime.study.words import horizons_in_words
from throughtime.training.rows import clock

CAPS = "A trial that met a cap on updates or time has not failed: nobody knows what more of them would have brought."


def headings(groups: Sequence[Group]) -> tuple[str, ...]:
    """Of the table's columns."""
    found = ["way", "on"] if _several(groups) else ["way"]
    if _tasks(groups):
        found += ["length", "succeeded", "capped", "updates to success"]
    if _texts(groups):
        found += ["bits/char" if _in_bits(groups) else "loss"]
    return (*found, "diverged", "horizon before", "after", "time each")


def row(group: Group, groups: Sequence[Group]) -> tuple[str, ...]:
    """A line of the table, by `headings` of all groups."""
    cells = [group.way, group.subject] if _several(groups) else [group.way]
    if _tasks(groups):
        cells += _of_task(group) if group.span is not None else ["-"] * 4
    if _texts(groups):
        loss = group.val_bits_per_char if _in_bits(groups) else group.val_loss
        cells.append("-" if loss is None else f"{loss:.4f}")
    before, after = horizons_in_words(group.horizon_before), horizons_in_words(group.horizon_after)
    return (*cells, str(group.diverged), before, after, clock(group.seconds))


def readings(groups: Sequence[Group]) -> list[str]:
    """What the numbers say, a sentence each."""
    said = [
        line for subject in dict.fromkeys(each.subject for each in groups) for line in _of(subject, groups)
    ]
    capped = sum(each.capped for each in groups)
    if capped:
        said.append(f"{capped} of {_trials(groups)} trials {'was' if capped == 1 else 'were'} capped. {CAPS}")
    diverged = sum(each.diverged for each in groups)
    if diverged:
        said.append(f"{diverged} of {_trials(groups)} trials diverged.")
    places = sorted({f"version {one.version} on {one.processor}" for each in groups for one in each.results})
    if len(places) > 1:
        said.append(f"Numbers may differ by where trials ran: {'; '.join(places)}.")
    return said


def _of(subject: str, groups: Sequence[Group]) -> list[str]:
    """What is said of one task, or one text."""
    mine = [each for each in groups if each.subject == subject]
    ways = list(dict.fromkeys(each.way for each in mine))
    if _texts(mine):
        return _ranked(subject, mine)
    if len({each.span for each in mine}) < 2:
        listed = "; ".join(f"{each.way} {each.successes} of {len(each.results)}" for each in mine)
        return [f"{subject}, length {length(mine[0])}: so many trials succeeded: {listed}."]
    reach = {way: _reach([each for each in mine if each.way == way]) for way in ways}
    listed = "; ".join(f"{way} {'none' if found is None else found}" for way, found in reach.items())
    return [f"{subject}: the greatest length up to which every trial succeeded: {listed}."]


def _ranked(subject: str, mine: Sequence[Group]) -> list[str]:
    """The ways of training on a text from best to worst, where their losses can be compared."""
    in_bits = _in_bits(mine)
    scored = sorted(
        (loss, each.way, each.diverged, len(each.results))
        for each in mine
        if (loss := each.val_bits_per_char if in_bits else each.val_loss) is not None
    )
    if len(scored) < 2 or not (in_bits or len({each.tokens for each in mine}) == 1):
        return []
    listed = "; ".join(
        f"{way} {loss:.3f}" + (f" ({diverged} of {count} diverged)" if diverged else "")
        for loss, way, diverged, count in scored
    )
    unit = "bits per character" if in_bits else "nats per token"
    return [f"{subject}: from best to worst in {unit}, on held-out text, mean over the seeds: {listed}."]


def _reach(mine: Sequence[Group]) -> str | None:
    """The greatest length up to which every trial succeeded."""
    found = None
    for each in sorted(mine, key=by_length):
        if each.successes < len(each.results):
            break
        found = length(each)
    return found


def by_length(group: Group) -> tuple[int, int]:
    """What puts groups in the order of their lengths: a range's longest, then its shortest."""
    low, high = _ends(group.span)
    return high, low


def longest(span: int | Lengths | None) -> int:
    """The greatest length of a range."""
    return _ends(span)[1]


def length(group: Group) -> str:
    """The length that a task was trained on, and where it was tested on another, that."""
    tested = "" if group.tested == group.span else f", tested at {show_lengths(group.tested or 0)}"
    return show_lengths(group.span or 0) + tested


def _ends(span: int | Lengths | None) -> Lengths:
    return (span or 0, span or 0) if span is None or isinstance(span, int) else span


def _of_task(group: Group) -> list[str]:
    steps = group.steps_to_success
    return [
        length(group),
        f"{group.successes} of {len(group.results)}",
        str(group.capped),
        "-" if steps is None else f"{steps:,.0f}",
    ]


def success(group: Group) -> str:
    """How many trials succeeded, and what kept the others from it.

    A cap is called a cap.
    """
    others = {"capped": group.capped, "diverged": group.diverged}
    told = ", ".join(f"{count} {how}" for how, count in others.items() if count)
    return f"{group.successes} of {len(group.results)}" + (f" ({told})" if told else "")


def _several(groups: Sequence[Group]) -> bool:
    """Whether there are several tasks or texts."""
    return len({each.subject for each in groups}) > 1


def _tasks(groups: Sequence[Group]) -> bool:
    return any(each.span is not None for each in groups)


def _texts(groups: Sequence[Group]) -> bool:
    return any(each.span is None for each in groups)


def _in_bits(groups: Sequence[Group]) -> bool:
    """Whether every loss of a text can be told in bits per character."""
    return all(each.val_bits_per_char is not None for each in groups if each.val_loss is not None)


def _trials(groups: Sequence[Group]) -> int:
    return sum(len(each.results) for each in groups)
