"""What each truncation says of a call, and what is said of a truncation that makes no sense."""

import re

import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.truncation import (
    Chunk,
    Full,
    Segment,
    Truncation,
    Window,
    parse_truncation,
    require_truncation,
)

EVERY = [Full(), Window(0), Window(3), Chunk(1), Chunk(4)]


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
    assert [s.scored - s.start for s in Window(k).segments(T)] == [min(t, k) for t in range(T)]
    assert Window(k).window(T) == (k if k < T else None)
    assert Window(k).cuts(T) is None


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_chunk_cuts_at_its_edges_and_not_at_the_start(k):
    T, cuts = 6, Chunk(k).cuts(6)
    edges = [] if cuts is None else np.flatnonzero(cuts).tolist()
    assert edges == list(range(k, T, k))
    assert [s.start for s in Chunk(k).segments(T)] == [0, *edges]
    assert Chunk(k).window(T) is None


def test_full_leaves_nothing_out():
    assert Full().window(7) is None
    assert Full().cuts(7) is None
    assert list(Full().segments(7)) == [Segment(0, 0, 7)]


@pytest.mark.parametrize("truncation", EVERY, ids=str)
def test_spelling_and_truncation_are_each_others_inverse(truncation):
    assert parse_truncation(str(truncation)) == truncation
    assert isinstance(truncation, Truncation)


def test_numpy_integers_are_numbers_of_steps():
    assert Chunk(np.int64(4)) == Chunk(4)


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
        (lambda: parse_truncation("half"), "truncation 'half'", "chunk:K"),
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
