"""What the table says."""

import io
from typing import Any

from rich.console import Console

from benchmarks import report


def printed(what: Any) -> str:
    file = io.StringIO()
    Console(file=file, width=report.LOG_WIDTH).print(what)
    return file.getvalue()


def mark(reached: bool | None, found: float | None) -> dict[str, Any]:
    return {"against": "torch", "peer": "torch", "at_least": 8, "found": found, "reached": reached}


def test_verdict_in_plain_words() -> None:
    assert report.verdict(mark(True, 8.5)) == ("8 times as fast as torch", "8.50", "reached")
    assert report.verdict(mark(False, 7.0))[2] == "NOT reached"
    assert report.verdict(mark(None, None))[2].startswith("cannot be told")


def test_rows_table_shows_why_a_cell_is_empty() -> None:
    peers = {
        "throughtime": {"milliseconds": 2.0, "settings": "1 thread"},
        "torch": {"milliseconds": 4.0, "ratio": 2.0, "ratios": [1.9, 2.1], "settings": "eager [default]"},
        "jax": {"unavailable": "jax is not installed"},
    }
    text = printed(report.rows_table([{"name": "W2", "peers": peers}]))
    assert "jax is not installed" in text
    assert "1.90 - 2.10" in text
    assert "eager [default]" in text  # brackets are no markup


def test_marks_line_counts_what_is_reached_missed_and_untold() -> None:
    rows = [{"name": "W3", "marks": [mark(True, 9.0), mark(False, 7.0), mark(None, None)]}]
    line = report.marks_line(rows, None, {"cold": {"reached": True}})
    assert line.startswith("Marks: 2 of 4 reached")
    assert "not reached: W3 (8 torch)" in line
    assert "cannot be told: W3 (8 torch)" in line


def test_baseline_lines_name_the_slower_rows() -> None:
    found = [{"name": "W2", "change": {"torch": 0.7}, "slower": True}]
    assert report.baseline_lines(found)[-1].endswith(": W2")
    assert report.baseline_lines([])[-1].startswith("No row is slower")
