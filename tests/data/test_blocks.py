import pytest

from throughtime.data.blocks import between_characters, between_words, recut, sliced


def test_blocks_meet_at_edges_only() -> None:
    assert list(recut(["a b", " c", "d", "e f"], between_words)) == ["a", " b", " cde", " f"]
    assert list(recut(sliced("no edge here?", 2), lambda before, after: False)) == ["no edge here?"]
    assert list(recut(["", "ab", ""], lambda before, after: True)) == ["a", "b"]
    assert list(recut([], between_words)) == []


def test_a_run_of_white_space_stays_with_what_follows() -> None:
    assert list(recut(["one \n", "\n  two"], between_words)) == ["one", " \n\n  two"]


@pytest.mark.parametrize(
    ("before", "after", "words", "characters"),
    [
        ("a", " ", True, True),
        ("a", "\n", True, True),
        ("ệ", "\n", True, True),
        (" ", "\n", False, True),
        ("\u0600", " ", False, True),
        ("a", "\u0301", False, False),
        ("한", "\u11ab", False, False),
        ("漢", "字", False, True),
    ],
)
def test_edges(before: str, after: str, words: bool, characters: bool) -> None:
    assert between_words(before, after) is words
    assert between_characters(before, after) is characters
