"""Progress in lines, and in a terminal as a bar whose clock runs."""

import io

from rich.console import Console
from tests.study.results import found, result

from throughtime.study.display import LiveDisplay, display, in_words
from throughtime.study.run import Progress

(FOUND,) = found("clipped", (20, 30), result(seconds=83.6))
SOME = dict.fromkeys(range(3))  # whatever they are, they are three
BEGUN, AGAIN = Progress(None, {}, 4, None), Progress(None, {0: None, 1: None}, 4, 90.0)
ENDED = Progress(FOUND, SOME, 4, 90.0)


def test_line_tells_what_has_ended_and_what_is_left():
    assert in_words(BEGUN) is None
    assert in_words(AGAIN) == "2 of 4 trials have their results already"
    assert in_words(ENDED) == (
        "3 of 4, about 1:30 left; clipped: temporal-order, length 20-30, seed 0: "
        "succeeded after 3,000 updates in 1:24, 0.4% wrong"
    )
    assert in_words(ENDED._replace(results={**SOME, 3: None}, seconds_left=0.0)).startswith("4 of 4; clipped")


def test_lines_elsewhere_and_nothing_if_quiet():
    for quiet, lines in ((False, 2), (True, 0)):
        stream = io.StringIO()
        with display(stream, quiet) as show:
            for progress in (BEGUN, AGAIN, ENDED):
                show(progress)
        assert stream.getvalue().count("\n") == lines


def test_clock_runs_between_two_trials(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("throughtime.study.display.monotonic", lambda: now[0])
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with LiveDisplay(console) as show:
        shown = show.__self__

        def moving():
            plain = Console(file=io.StringIO(), width=100)
            plain.print(shown._moving())
            return plain.file.getvalue().splitlines()[0]

        show(BEGUN)
        now[0] = 107.0
        assert moving() == "0 of 4 trials, 0:07 so far"
        show(ENDED)
        assert moving() == "3 of 4 trials, about 1:30 left"
        now[0] += 30
        assert moving() == "3 of 4 trials, about 1:00 left"
        now[0] += 300
        assert moving() == "3 of 4 trials, about 0:00 left"
    assert "clipped: temporal-order" in stream.getvalue()
