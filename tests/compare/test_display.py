"""A comparison in a terminal, in a pipe, and where only what should be known is wanted."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.compare.conftest import outcome

from throughtime.compare.display import LinesDisplay, LiveDisplay, QuietDisplay, display
from throughtime.compare.events import Begun, Ended, Training
from throughtime.data.progress import Progress
from throughtime.training.events import IncidentMet, Noticed, Started, Step

WHY = "training diverged at step 2: the loss is nan; expected a finite number."
BEGUN = Begun("a text", (outcome("tanh", "to come"), outcome("burst", "to come"), outcome("gru", "to come")))
STARTED = Started(Path("c/x"), "a text", "rnn", 1234, 90_000, 10_000, 20, 10, True, 0)
DIVERGED = Ended(outcome("burst", "diverged", stopped=WHY, diverged_at=2))
FINISHED = Ended(outcome("gru", seconds=1.0))
STOPS = IncidentMet(2, "the loss is nan; expected a finite number.", "stop", None)


def step(number, loss=2.5):
    return Step(number, 20, 1, 40 * number, loss, 0.25, False, 1e-3, 48_312.0, 83.6)


def of(variant, *events):
    return [Training(variant, event) for event in events]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(kind, events):
    """Everything that was written, spaces made one."""
    stream = Terminal()
    target = Console(file=stream, width=80, force_terminal=True, color_system=None)
    with kind(target if kind is LiveDisplay else stream) as show:
        for event in events:
            show(event)
    return " ".join(stream.getvalue().split())


def moving(events):
    """The lines that a terminal shows after some events."""
    live, stream = LiveDisplay(Console(file=io.StringIO())), io.StringIO()
    with live as show:
        for event in events:
            show(event)
        Console(file=stream, width=90, force_terminal=True, color_system=None).print(live._moving())
    return stream.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("kind", [QuietDisplay, LinesDisplay, LiveDisplay])
def test_every_display_says_why_a_variant_diverged(kind):
    text = shown(kind, [BEGUN, *of("burst", STARTED, step(1), STOPS), DIVERGED])
    assert text.count(WHY) == 1
    assert "burst" in text


@pytest.mark.parametrize("kind", [QuietDisplay, LinesDisplay, LiveDisplay])
def test_every_display_tells_notices_and_incidents(kind):
    skipped = IncidentMet(7, "the loss is nan.", "skip", None)
    text = shown(
        kind, [Noticed("left out: a.png"), BEGUN, *of("gru", STARTED, Noticed("a file is damaged"), skipped)]
    )
    for line in ("left out: a.png", "a file is damaged", "step 7, the update is left out: the loss is nan."):
        assert line in text


def test_quiet_display_names_the_variant_and_is_silent_otherwise():
    stream = io.StringIO()
    with display(stream, quiet=True) as show:
        for event in (BEGUN, *of("burst", STARTED, step(1)), DIVERGED, FINISHED):
            show(event)
    assert stream.getvalue() == f"burst: {WHY}\n"


def test_lines_display_numbers_the_variants():
    text = shown(LinesDisplay, [BEGUN, *of("burst", STARTED, step(1)), DIVERGED, *of("gru", STARTED)])
    assert text.index("burst, 2 of 3") < text.index(WHY) < text.index("gru, 3 of 3")


def test_lines_display_suits_a_pipe_and_the_live_one_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display(Terminal()), LiveDisplay)
    assert type(display(io.StringIO())) is LinesDisplay


def test_live_display_moves_the_row_of_the_variant_in_work():
    lines = moving([BEGUN, *of("tanh", STARTED, step(1)), *of("gru", STARTED, step(7, loss=1.5))])
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:5]}
    assert rows["tanh"] == ["1", "2.500", "-", "0.25", "-", "48,312", "1:24"]
    assert rows["gru"] == ["7", "1.500", "-", "0.25", "-", "48,312", "1:24"]
    assert rows["burst"] == ["to", "come"]
    assert "━" in lines[5]


def test_live_display_says_diverged_in_the_variant_s_row():
    lines = moving([BEGUN, *of("burst", STARTED, step(1)), DIVERGED])
    assert next(line for line in lines if line.startswith("burst")).split() == ["burst", "diverged"]


def test_live_display_keeps_the_numbers_of_a_finished_variant():
    lines = moving([BEGUN, *of("gru", STARTED, step(20)), FINISHED])
    assert next(line for line in lines if line.startswith("gru")).split()[1] == "20"


def test_live_display_tells_of_preparing_only_where_a_variant_is_prepared():
    assert "preparing" in moving([BEGUN, *of("tanh", STARTED)])[-1]
    for events in ([BEGUN, *of("tanh", STARTED, step(1))], [BEGUN, *of("burst", STARTED, step(1)), DIVERGED]):
        assert "preparing" not in "".join(moving(events))


def test_live_display_shows_how_far_the_text_is_read():
    assert moving([Progress("reading", 20_000_000, 30_000_000)]) == ["reading: 20.0 MB of 30.0 MB"]
    lines = moving([BEGUN, *of("tanh", Progress("tokenising", 5_000, None))])
    assert lines[-1] == "tokenising: 5.0 kB"
    assert "preparing" not in "".join(moving([BEGUN, *of("tanh", STARTED, step(1)), FINISHED]))


def test_live_display_shows_what_was_trained_earlier():
    begun = Begun("a text", (outcome("tanh"), outcome("gru", "to come")))
    assert [line.split() for line in moving([begun])[2:4]] == [["tanh", "finished"], ["gru", "to", "come"]]


AWAY = Begun("a text", BEGUN.outcomes, elsewhere=True)
ENDED = Ended(outcome("gru", steps=2000, seconds=83.6, train_loss=2.0, val_loss=1.5, val_bits_per_char=2.164))
IN_WORDS = "finished after 2,000 updates in 1:24, 2.164 bits/char"
CLIPPED = IncidentMet(7, "the norm is 9.", "recorded", None)


def test_lines_display_tells_the_ends_of_what_is_trained_elsewhere():
    stream = io.StringIO()
    with LinesDisplay(stream) as show:
        for event in (AWAY, ENDED, *of("burst", CLIPPED), DIVERGED):
            show(event)
    assert stream.getvalue().splitlines() == [
        f"gru, 3 of 3: {IN_WORDS}",
        "burst: step 7, clipping has bounded the update: the norm is 9.",
        f"burst, 2 of 3: {WHY}",
    ]


def test_live_display_counts_what_is_trained_elsewhere():
    first, second = moving([AWAY, ENDED, *of("burst", CLIPPED), DIVERGED])
    assert first == "2 of 3 trained, 0:00 so far"
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in second
    text = shown(LiveDisplay, [AWAY, ENDED, DIVERGED])
    assert text.count(f"gru: {IN_WORDS}") == 1
    assert text.count(f"burst: {WHY}") == 1
