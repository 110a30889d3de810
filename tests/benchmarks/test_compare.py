"""Medians, paired ratios, and marks."""

from typing import Any

import pytest
from benchmarks.compare import Contestant, best_peer, judge, run_module, summarise
from benchmarks.peers import PEERS, Peer
from benchmarks.rows import BEST, PEAK, ROWS, Mark, Row

ROW = Row(
    "W2", "W2", ("torch", "jax", "torch-compile"), (Mark(BEST, 2.0), Mark("torch", 4.0), Mark(PEAK, 0.7))
)


def times(*milliseconds: float) -> list[dict[str, Any]]:
    return [{"milliseconds": x, "settings": "so"} for x in milliseconds]


@pytest.fixture
def found() -> dict[str, Any]:
    measured = {
        "throughtime": times(1.0, 2.0, 4.0),  # a machine that slows down
        "torch": times(3.0, 8.0, 14.0),
        "jax": [{"unavailable": "jax is not installed"}],
        "torch-compile": times(2.5, 5.0, 10.0),
    }
    return summarise(ROW, measured)


def test_summarise_pairs_ratios_round_by_round(found: dict[str, Any]) -> None:
    assert found["peers"]["torch"]["ratios"] == pytest.approx([3.0, 4.0, 3.5])
    assert found["peers"]["torch"]["ratio"] == pytest.approx(3.5)
    assert found["peers"]["torch"]["milliseconds"] == 8.0
    assert "ratio" not in found["peers"]["throughtime"]


def test_summarise_keeps_the_reason_of_a_peer_that_did_not_run(found: dict[str, Any]) -> None:
    assert found["peers"]["jax"] == {"unavailable": "jax is not installed"}


def test_judge_holds_each_mark_to_its_own_measure(found: dict[str, Any]) -> None:
    found["roofline"] = {"share_of_peak": 0.71}
    best, torch, peak = judge(ROW, found)
    assert (best["peer"], best["found"], best["reached"]) == ("torch-compile", pytest.approx(2.5), True)
    assert (torch["found"], torch["reached"]) == (pytest.approx(3.5), False)
    assert peak["reached"]


def test_judge_says_nothing_of_a_mark_whose_measure_is_missing(found: dict[str, Any]) -> None:
    assert judge(ROW, found)[2]["reached"] is None  # no roofline
    none = summarise(ROW, {"throughtime": [{"unavailable": "so"}], "torch": times(3.0)})
    assert best_peer(none) is None
    assert [one["reached"] for one in judge(ROW, none)] == [None, None, None]


def test_run_module_gives_the_last_line_of_a_failure() -> None:
    found = run_module("benchmarks.timing", "abacus", "W2")
    assert found["unavailable"].startswith("failed: ")
    assert "abacus" in found["unavailable"]


def test_contestant_that_fails_says_why_at_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "nobody", Peer("step_nobody"))
    with Contestant("nobody", "W3", 0.01) as one:
        assert "nobody" in one.turn()["unavailable"]
        assert one.turn() == one.ready


@pytest.mark.slow
def test_contestant_is_timed_at_each_turn() -> None:
    with Contestant("throughtime", "W8", 0.01) as one:
        assert "1 thread" in one.ready["settings"]
        assert all(one.turn()["milliseconds"] > 0 for _ in range(3))


def test_rows_are_named_once_and_marked_against_who_is_there() -> None:
    for name, row in ROWS.items():
        assert name == row.name
        assert len(set(row.peers)) == len(row.peers)
        for mark in row.marks:
            assert mark.against in (BEST, PEAK, *row.others), name
