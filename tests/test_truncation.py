"""What each truncation says of a call, and what is said of a truncation that makes no sense."""

import re
from itertools import chain, pairwise

import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.truncation import (
    Auto,
    Chunk,
    Full,
    Segment,
    Truncation,
    Window,
    parse_truncation,
    passes,
    require_training_truncation,
    require_truncation,
)

EVERY = [Full(), Window(0), Window(3), Chunk(1), Chunk(4), Chunk(1, 2), Chunk(2, 3), Chunk(3, 7)]


@pytest.mark.parametrize("truncation", EVERY, ids=str)
@pytest.mark.parametrize("T", [1, 2, 5, 9])
def test_segments_score_each_step_once_and_never_reach_ahead(truncation, T):
    segments = list(truncation.segments(T))
    scored = [t for segment in segments for t in range(segment.scored, segment.stop)]
    assert scored == list(range(T))
    assert all(0 <= s.start <= s.scored < s.stop <= T for s in segments)


@pytest.mark.parametrize("k", [0, 1, 3, 4, 5])
def test_window_reaches_back_k_steps_from_each(k):
    T = 5
    reached = [(t, t - s.start) for s in Window(k).segments(T) for t in range(s.scored, s.stop)]
    assert reached == [(t, min(t, k)) for t in range(T)]
    assert Window(k).window(T) == (k if k < T else None)


@pytest.mark.parametrize("k1", [1, 2, 5, 6])
@pytest.mark.parametrize("more", [0, 1, 3])
def test_chunk_looks_back_k2_steps_from_the_end_of_each_stretch(k1, more):
    T, k2 = 11, k1 + more
    segments = list(Chunk(k1, k2).segments(T))
    assert [s.scored for s in segments] == list(range(0, T, k1))
    assert [s.start for s in segments] == [max(0, s.scored - more) for s in segments]
    assert [s.start for s in segments[:-1]] == [max(0, s.stop - k2) for s in segments[:-1]]
    assert Chunk(k1, k2).window(T) is None


@pytest.mark.parametrize("k1", range(1, 8))
def test_chunk_cuts_no_call_that_is_not_longer_than_k2(k1):
    """An update's new steps are its last, wherever stretches of k1 from its first step would end."""
    for T in range(1, 8):
        assert list(Chunk(k1, 7).segments(T)) == [Segment(0, 0, T)]
    assert any(s.start for s in Chunk(k1, 7).segments(15))


def test_chunk_of_one_number_cuts_at_its_edges():
    assert Chunk(4) == Chunk(4, 4)
    assert Chunk(4) != Chunk(4, 5)
    assert [(s.start, s.stop) for s in Chunk(4).segments(10)] == [(0, 4), (4, 8), (8, 10)]


def test_full_leaves_nothing_out():
    assert Full().window(7) is None
    assert list(Full().segments(7)) == [Segment(0, 0, 7)]


@pytest.mark.parametrize("truncation", EVERY, ids=str)
@pytest.mark.parametrize("T", [1, 5, 9])
def test_passes_hold_every_segment_once_and_do_not_overlap(truncation, T):
    found = passes(truncation.segments(T))
    for one in found:
        assert all(before.stop <= after.start for before, after in pairwise(one))
    assert sorted(chain(*found)) == sorted(truncation.segments(T))


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [(Full(), 1), (Chunk(3), 1), (Chunk(2, 20), 1), (Chunk(2, 4), 2), (Chunk(2, 5), 3), (Window(3), 4)],
    ids=str,
)
def test_passes_are_as_many_as_segments_overlap(truncation, expected):
    assert len(passes(truncation.segments(20))) == expected


@pytest.mark.parametrize("truncation", EVERY, ids=str)
def test_spelling_and_truncation_are_each_others_inverse(truncation):
    assert parse_truncation(str(truncation)) == truncation
    assert isinstance(truncation, Truncation)


@pytest.mark.parametrize(
    ("spec", "auto"),
    [
        ("auto:0.1", Auto(0.1)),
        ("auto:0.1,200", Auto(0.1, 200)),
        ("auto:2,0", Auto(2, 0)),
        ("auto:1e-05", Auto(1e-5)),
        ("auto:0.123456789", Auto(0.123456789)),
        ("auto:0.3333333333333333", Auto(1 / 3)),
    ],
)
def test_auto_and_its_spelling_are_each_others_inverse(spec, auto):
    assert parse_truncation(spec) == auto
    assert str(auto) == spec
    assert hash(auto) == hash(parse_truncation(spec))


def test_auto_is_for_training_alone():
    assert not isinstance(Auto(0.1), Truncation)
    assert require_training_truncation(Auto(0.1)) == Auto(0.1)
    assert require_training_truncation(Chunk(3)) == Chunk(3)
    assert require_training_truncation(None) == Full()


def test_auto_holds_plain_numbers():
    auto = Auto(np.float32(0.5), np.int64(20))
    assert (type(auto.tolerance), type(auto.longest)) == (float, int)
    assert str(auto) == "auto:0.5,20"
    assert Auto(1).tolerance == 1.0


def test_numpy_integers_are_numbers_of_steps():
    assert Chunk(np.int64(4)) == Chunk(4)
    assert str(Chunk(np.int64(4), np.int64(6))) == "chunk:4,6"


@pytest.mark.parametrize(
    ("make", "found", "expected"),
    [
        (lambda: Window(-1), "Window(-1)", "at least 0"),
        (lambda: Window(1.5), "Window(1.5)", "a whole number"),
        (lambda: Window(True), "Window(True)", "a whole number"),
        (lambda: Chunk(0), "Chunk(0)", "at least 1"),
        (lambda: Chunk("4"), "Chunk('4')", "a whole number"),
        (lambda: parse_truncation("window:-1"), "Window(-1)", "at least 0"),
        (lambda: parse_truncation("chunk:0"), "Chunk(0)", "at least 1"),
        (lambda: parse_truncation("window"), "truncation 'window'", "window:K"),
        (lambda: parse_truncation("window:"), "truncation 'window:'", "window:K"),
        (lambda: parse_truncation("window:four"), "truncation 'window:four'", "window:K"),
        (lambda: parse_truncation("full:"), "truncation 'full:'", "full, window:K"),
        (lambda: parse_truncation("full:3"), "truncation 'full:3'", "full, window:K"),
        (lambda: Chunk(3, 2), "Chunk(3, 2)", "at least 3"),
        (lambda: Chunk(3, 4.0), "Chunk(3, 4.0)", "a whole number"),
        (lambda: Chunk(1, True), "Chunk(1, True)", "a whole number"),
        (lambda: parse_truncation("chunk:20,10"), "Chunk(20, 10)", "at least 20"),
        (lambda: parse_truncation("chunk:0,10"), "Chunk(0)", "at least 1"),
        (lambda: parse_truncation("chunk:1,2,3"), "truncation 'chunk:1,2,3'", "chunk:K1,K2"),
        (lambda: parse_truncation("chunk:20,"), "truncation 'chunk:20,'", "chunk:K1,K2"),
        (lambda: parse_truncation("window:1,2"), "truncation 'window:1,2'", "window:K"),
        (lambda: parse_truncation("half"), "truncation 'half'", "chunk:K"),
        (lambda: Auto(0), "Auto(0)", "above 0"),
        (lambda: Auto(float("inf")), "Auto(inf)", "a finite number"),
        (lambda: Auto(float("nan")), "Auto(nan)", "a finite number"),
        (lambda: Auto("0.1"), "Auto('0.1')", "a finite number"),
        (lambda: Auto(True), "Auto(True)", "a finite number"),
        (lambda: Auto(0.1, -1), "Auto(0.1, -1)", "at least 0"),
        (lambda: Auto(0.1, 20.0), "Auto(0.1, 20.0)", "a whole number"),
        (lambda: parse_truncation("auto:-0.1"), "Auto(-0.1)", "above 0"),
        (lambda: parse_truncation("auto:nan"), "Auto(nan)", "a finite number"),
        (lambda: parse_truncation("auto:0.1,-2"), "Auto(0.1, -2)", "at least 0"),
        (lambda: parse_truncation("auto"), "truncation 'auto'", "auto:TOLERANCE"),
        (lambda: parse_truncation("auto:"), "truncation 'auto:'", "auto:TOLERANCE"),
        (lambda: parse_truncation("auto:a"), "truncation 'auto:a'", "auto:TOLERANCE"),
        (lambda: parse_truncation("auto:0.1,2.5"), "truncation 'auto:0.1,2.5'", "auto:TOLERANCE,LONGEST"),
        (lambda: parse_truncation("auto:0.1,2,3"), "truncation 'auto:0.1,2,3'", "auto:TOLERANCE,LONGEST"),
        (lambda: parse_truncation("window:4.0"), "truncation 'window:4.0'", "window:K"),
        (lambda: require_truncation(Auto(0.1)), "truncation Auto(tolerance=0.1", "Pass Chunk(k1, k2) here."),
        (lambda: require_training_truncation("auto:0.1"), "truncation 'auto:0.1'", "Auto(tolerance)"),
        (lambda: require_truncation("full"), "truncation 'full'", "Full()"),
        (lambda: require_truncation(4), "truncation 4", "Window(k)"),
        (lambda: require_truncation(Full), "truncation <class", "Full()"),
    ],
)
def test_bad_truncation_is_refused_in_one_line(make, found, expected):
    with pytest.raises(ArgumentError, match=re.escape(found)) as error:
        make()
    message = str(error.value)
    assert expected in message
    assert re.search(r"; expected .*\. [A-Z].*\.$", message)
    assert "\n" not in message


def test_no_truncation_is_full():
    assert require_truncation(None) == Full()
    assert require_truncation(Window(2)) == Window(2)
