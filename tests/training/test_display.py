import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from throughtime.data.progress import Progress
from throughtime.training import display as module
from throughtime.training.display import LiveDisplay, PlainDisplay, display
from throughtime.training.events import (
    Checkpointed,
    Evaluated,
    Event,
    Finished,
    IncidentMet,
    Noticed,
    Probed,
    Started,
    Step,
    Stopped,
)


def started(val_tokens: int = 10_000, bits: bool = True, resumed: int = 0) -> Started:
    model = "gru, 1 layer of 8, vocabulary 30"
    return Started(
        Path("runs/x"), "a text", model, 1234, 90_000, val_tokens, 2_620, 262, bits, resumed_step=resumed
    )


def step(n: int, loss: float = 2.5, clipped: bool = False) -> Step:
    return Step(n, 2_620, 1, 40 * n, loss, 0.123456, clipped, 1e-3, 48_312.4, 83.6)


def evaluated(n: int, bits: float | None = 3.7025, best: bool = True) -> Evaluated:
    return Evaluated(n, 2.5, 12.18249, bits, best, 1e-3)


_FLOW = 12, False, 1.8  # horizon, censored, half-life


def finished(val_loss: float | None = 2.5) -> Finished:
    return Finished(3, 120, 2.5, 2, val_loss, 12.2, 3.7, 9.0, 48_000.0, 0.0, *_FLOW, None, 0, Path("runs/x"))


def probed(
    n: int, censored: bool = False, truncation: dict[str, Any] | None = None, a: float = 0.7
) -> Probed:
    lags = range(101)
    flow = {"horizon": 12, "censored": censored, "half_life": math.log(0.5) / math.log(a)}
    return Probed(n, {**flow, "norms": {"h": [[1.0] * 101, [3 * a**lag for lag in lags]]}}, truncation)


EVENTS: list[Event] = [
    Progress("reading", 100, 100),
    started(),
    step(1),
    step(2),
    evaluated(2),
    Checkpointed(2, Path("runs/x/checkpoints/step-00000002.safetensors")),
    step(3, clipped=True),
    probed(3),
    evaluated(3, best=False),
    finished(),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(kind: type, events: list[Event]) -> str:
    stream = Terminal() if kind is LiveDisplay else io.StringIO()
    target = (
        Console(file=stream, width=80, force_terminal=True, color_system=None)
        if kind is LiveDisplay
        else stream
    )
    with kind(target) as show:
        for event in events:
            show(event)
    return stream.getvalue()


def test_plain_display_writes_a_line_for_each_evaluation():
    lines = shown(PlainDisplay, EVENTS).splitlines()
    assert lines[0] == "a text"
    assert lines[1] == "gru, 1 layer of 8, vocabulary 30: 1,234 parameters"
    assert lines[2] == "90,000 predictions to learn from, 10,000 to be tested on; 262 steps an epoch"
    assert lines[3] == "preparing; after an installation the kernels compile once, some 20 seconds"
    assert lines[4].split() == ["step", "loss", "validation", "gradient", "horizon", "tokens", "time"]
    assert lines[5].split() == ["of", "2,620", "nats", "bits/char", "norm", "lags", "a", "second", "left"]
    assert lines[6].split() == ["2", "2.500", "3.703", "0.123", "-", "48,312", "1:24"]
    assert lines[7].split() == ["3", "2.500", "3.703", "0.123", ">", "12", "48,312", "1:24"]
    assert lines[8] == "gradient by lag, log scale: 0 #*+~-_                   100, half-life 1.94"
    assert len(lines) == 9
    assert max(map(len, lines)) <= 80


def test_plain_display_writes_no_control_characters():
    assert all(character.isprintable() or character == "\n" for character in shown(PlainDisplay, EVENTS))


def test_plain_display_speaks_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with PlainDisplay(stream) as show:
        show(started())
        before = stream.getvalue()
        show(step(1))
        assert stream.getvalue() == before
        now[0] = 11.0
        show(step(2))
        assert stream.getvalue().removeprefix(before).split() == [
            "2",
            "2.500",
            "-",
            "0.123",
            "-",
            "48,312",
            "1:24",
        ]


def test_display_ends_with_a_row_where_nothing_is_held_out():
    for kind in (PlainDisplay, LiveDisplay):
        rows = [
            line
            for line in shown(kind, [started(), step(1), finished(val_loss=None)]).split("\n")
            if "48,312" in line
        ]
        assert rows[-1 if kind is PlainDisplay else 0].split()[-6:] == [
            "2.500",
            "-",
            "0.123",
            "-",
            "48,312",
            "1:24",
        ]


def test_display_shows_perplexity_where_bits_are_not_told():
    lines = shown(
        PlainDisplay, [started(val_tokens=0, bits=False), step(1), evaluated(1, bits=None)]
    ).splitlines()
    assert "none held out" in lines[2]
    assert "perplexity" in lines[5]
    assert lines[6].split()[2] == "12.18"


def test_display_averages_the_loss_of_recent_batches():
    events = [started(), step(1, 2.0), step(2, 4.0), evaluated(2)]
    assert shown(PlainDisplay, events).splitlines()[-1].split()[1] == "3.000"


@pytest.mark.parametrize("kind", [PlainDisplay, LiveDisplay])
def test_display_shows_a_horizon_that_is_only_a_lower_bound_as_such(kind):
    text = shown(kind, [started(), step(1), probed(1, censored=True), evaluated(1)])
    assert ">=12" in text
    assert " reach" not in text


@pytest.mark.parametrize("kind", [PlainDisplay, LiveDisplay])
def test_display_shows_how_far_updates_look_back_where_that_changes(kind):
    adaptive = replace(started(), adaptive=True)
    chosen = {"K": 37, "relative_bias": 0.09, "beta": 0.9, "finite": True}
    lines = [
        line.split()
        for line in shown(kind, [adaptive, step(1), probed(1, False, chosen), evaluated(1)]).split("\n")
    ]
    (header,) = (line for line in lines if "reach" in line)
    row = next(line for line in lines if "3.703" in line)
    assert header[-3:] == ["reach", "tokens", "time"]
    assert row[-4:] == ["12", "37", "48,312", "1:24"]


def test_live_display_moves_its_lag_curve_below_its_row():
    display, stream = LiveDisplay(Console(file=io.StringIO())), io.StringIO()
    with display as show:
        for event in (started(), step(2_000), probed(2_000)):
            show(event)
    Console(file=stream, width=80, force_terminal=True, color_system=None).print(display._moving())
    row, curve, bar = stream.getvalue().rstrip("\n").split("\n")
    assert row.split()[-3:] == ["12", "48,312", "1:24"]
    assert set(bar.strip()) <= set("━╸╺ ")
    assert curve.startswith("gradient by lag, log scale: 0 █▇▆▄▃▂ ")
    assert all(len(line) <= 80 for line in (row, bar, curve))


def test_live_display_leaves_the_rows_and_takes_away_what_moves():
    text = shown(LiveDisplay, [*EVENTS[:-1], step(2000), EVENTS[-1]])
    assert "preparing" in text
    assert "━" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # the last line is erased
    assert text.index("\x1b[?25l") < text.index("\x1b[?25h")  # the cursor is hidden, and shown again


def test_live_display_gives_the_cursor_back_whatever_happens():
    stream = Terminal()
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)

    def fail() -> None:
        with LiveDisplay(console) as show:
            show(started())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_live_display_stops_when_training_does():
    text = shown(LiveDisplay, [started(), step(1), Stopped(1, "diverged", True, None)])
    assert "\x1b[?25h" in text


def test_display_suits_its_stream(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display(Terminal()), LiveDisplay)
    assert isinstance(display(io.StringIO()), PlainDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(Terminal()), PlainDisplay)


def test_display_quiet_shows_nothing():
    stream = io.StringIO()
    with display(stream, quiet=True) as show:
        for event in EVENTS:
            show(event)
    assert stream.getvalue() == ""


def test_display_says_where_a_resumed_run_goes_on():
    for kind in (PlainDisplay, LiveDisplay):
        assert "going on after step 1,200" in shown(kind, [started(resumed=1200), step(1201)])
        assert "going on" not in shown(kind, EVENTS)


def test_display_averages_the_loss_anew_where_a_run_goes_on():
    events = [started(resumed=1200), step(1201, 2.0), step(1202, 4.0), evaluated(1202)]
    assert shown(PlainDisplay, events).splitlines()[-1].split()[1] == "3.000"


@pytest.mark.parametrize("kind", [PlainDisplay, LiveDisplay])
def test_display_shows_no_pace_where_it_is_not_known(kind):
    first = replace(step(1), tokens_per_second=math.nan, seconds_left=math.nan)
    row = next(
        line for line in shown(kind, [started(), first, evaluated(1)]).split("\n") if "3.703" in line
    ).split()  # fmt: skip
    assert row[-7:] == ["1", "2.500", "3.703", "0.123", "-", "-", "-"]


def test_quiet_display_tells_of_notices_and_incidents_alone():
    stream = io.StringIO()
    with display(stream, quiet=True) as show:
        for event in [
            *EVENTS,
            Noticed("a checkpoint is damaged; expected whole ones."),
            IncidentMet(7, "the loss is nan; expected a number.", "skip", None),
            IncidentMet(11, "an error tells this.", "stop", None),
        ]:
            show(event)
    assert stream.getvalue().splitlines() == [
        "a checkpoint is damaged; expected whole ones.",
        "step 7, the update is left out: the loss is nan; expected a number.",
    ]


@pytest.mark.parametrize("kind", [PlainDisplay, LiveDisplay])
def test_display_tells_what_happened(kind):
    events = [
        started(),
        Noticed("a checkpoint is damaged; expected whole ones."),
        IncidentMet(7, "the loss is nan; expected a number.", "skip", None),
        IncidentMet(9, "the norm is 1e9; expected less.", "rollback", None),
        IncidentMet(11, "an error tells this.", "stop", None),
        finished(),
    ]
    text = " ".join(shown(kind, events).split())
    assert "a checkpoint is damaged; expected whole ones." in text
    assert "step 7, the update is left out: the loss is nan; expected a number." in text
    assert (
        "step 9, back to the last good checkpoint, with half the learning rate: the norm is 1e9; expected less."
        in text
    )
    assert "an error tells this" not in text


def test_plain_display_tells_of_long_reading_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with PlainDisplay(stream) as show:
        show(Progress("reading", 1_000_000, 30_000_000))
        assert stream.getvalue() == ""
        now[0] = 11.0
        show(Progress("reading", 20_000_000, 30_000_000))
        now[0] = 12.0
        show(Progress("reading", 30_000_000, 30_000_000))
        now[0] = 23.0
        show(Progress("tokenising", 5_000, None))
    assert stream.getvalue() == "reading: 20.0 MB of 30.0 MB\ntokenising: 5.0 kB\n"


@pytest.mark.parametrize("total", [30_000_000, None])
def test_live_display_shows_a_bar_while_it_reads(total):
    stream = Terminal()
    live = LiveDisplay(Console(file=stream, width=80, force_terminal=True, color_system=None))
    with live as show:
        show(Progress("reading", 20_000_000, total))
        live._live.refresh()
        show(started())
        show(step(1))
    text = stream.getvalue()
    assert "reading: 20.0 MB" in text
    assert text.index("reading") < text.index("━") < text.index("a text")
