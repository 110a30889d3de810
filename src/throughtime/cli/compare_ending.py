"""What `throughtime compare` says at the end."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from throughtime.cli.stopping import program
from throughtime.cli.tables import table_console

if TYPE_CHECKING:
    from rich.table import Table

    from throughtime.compare.comparison import Comparison
    from throughtime.compare.outcome import Outcome


def say(found: "Comparison") -> None:
    """Print the table, what sets the variants apart, what the numbers say, and what may be done next."""
    from rich.text import Text

    from throughtime.compare.page import PAGE
    from throughtime.compare.readings import readings

    console = table_console()
    console.print(_table(found.outcomes))
    print()
    for line in (*_apart(found), *readings(found.outcomes)):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    page, runs = shlex.quote(str(found.path / PAGE)), shlex.quote(str(found.path))
    print(f"The curves lie in {page}; each variant is a run in {runs}.")
    best = _best(found.outcomes)
    if best is not None:
        run = shlex.quote(str(found.path / best.variant))
        print("Try next:")
        print(f"  {program()} flow {run}")
        print(f"  {program()} generate {run} --length 500 --temperature 0.7")


def _table(outcomes: "Sequence[Outcome]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from throughtime.compare.readings import headings, row, unit_of

    unit = unit_of(outcomes)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in headings(unit):
        table.add_column(name, justify="left" if name == "variant" else "right")
    for outcome in outcomes:
        table.add_row(*map(Text, row(outcome, unit)), style="red" if outcome.state == "diverged" else "")
    return table


def _apart(found: "Comparison") -> list[str]:
    """What each variant has of its own."""
    from throughtime.compare.settings import apart

    own = apart(found.record["variants"])
    if not any(own):
        return []
    names = [each.variant for each in found.outcomes]
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {each}" for name, each in zip(names, own, strict=True)]
    return ["What sets them apart:", *lines, ""]


def _best(outcomes: "Sequence[Outcome]") -> "Outcome | None":
    """The finished variant that predicts a held-out text best; without one, the first that has finished."""
    from throughtime.compare.readings import unit_of

    unit = unit_of(outcomes)
    finished = [each for each in outcomes if each.state == "finished"]
    ranked = unit.ranked(outcomes) if unit.held_out else []
    return next(iter(ranked or finished), None)
