import io
from pathlib import Path

import pytest
from rich.console import Console

from throughtime.training import display as module
from throughtime.training.display import LiveDisplay, PlainDisplay, clock, display
from throughtime.training.events import Evaluated, Event, Finished, Started, Step, Stopped

STARTED = Started(
    Path("runs/x"), "a text", "gru, 1 layer of 8, vocabulary 30", 1234, 90_000, 10_000, 2_620, 262, True
)


def step(n: int, loss: float = 2.5, clipped: bool = False) -> Step:
    return Step(n, 2_620, 1, 40 * n, loss, 0.123456, clipped, 1e-3, 48_312.4, 83.6)


def evaluated(n: int, bits: float | None = 3.7025, best: bool = True) -> Evaluated:
    return Evaluated(n, 2.5, 12.18249, bits, best, 1e-3)


def finished(val_loss: float | None = 2.5) -> Finished:
    return Finished(3, 120, 2.5, 2, val_loss, 12.2, 3.7, 9.0, 48_000.0, Path("runs/x"))


EVENTS: list[Event] = [
    STARTED,
    step(1),
    step(2),
    evaluated(2),
    step(3, clipped=True),
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
    assert lines[3].split() == ["step", "loss", "validation", "gradient", "tokens", "time"]
    assert lines[4].split() == ["of", "2,620", "nats", "bits/char", "norm", "a", "second", "left"]
    assert lines[5].split() == ["2", "2.500", "3.703", "0.123", "48,312", "1:24"]
    assert lines[6].split() == ["3", "2.500", "3.703", "0.123", ">", "48,312", "1:24"]
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


def test_plain_display_writes_no_control_characters():
    assert all(character.isprintable() or character == "\n" for character in shown(PlainDisplay, EVENTS))


def test_plain_display_speaks_now_and_then(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    with PlainDisplay(stream) as show:
        show(STARTED)
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
            "48,312",
            "1:24",
        ]


def test_display_ends_with_a_row_where_nothing_is_held_out():
    for kind in (PlainDisplay, LiveDisplay):
        rows = [
            line
            for line in shown(kind, [STARTED, step(1), finished(val_loss=None)]).split("\n")
            if "48,312" in line
        ]
        assert rows[-1 if kind is PlainDisplay else 0].split()[-5:] == [
            "2.500",
            "-",
            "0.123",
            "48,312",
            "1:24",
        ]


def test_display_shows_perplexity_where_bits_are_not_told():
    started = Started(None, "a text", "gru", 1, 90, 0, 2, 1, False)
    lines = shown(PlainDisplay, [started, step(1), evaluated(1, bits=None)]).splitlines()
    assert "none held out" in lines[2]
    assert "perplexity" in lines[4]
    assert lines[5].split()[2] == "12.18"


def test_display_averages_the_loss_of_recent_batches():
    events = [STARTED, step(1, 2.0), step(2, 4.0), evaluated(2)]
    assert shown(PlainDisplay, events).splitlines()[-1].split()[1] == "3.000"


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
            show(STARTED)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_live_display_stops_when_training_does():
    text = shown(LiveDisplay, [STARTED, step(1), Stopped(1, "diverged", True, None)])
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


def test_clock_tells_minutes_and_hours():
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600, 86_399)] == [
        "0:00",
        "1:00",
        "1:01",
        "1:00:00",
        "23:59:59",
    ]
