import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data import sentences
from throughtime.data.blocks import sliced
from throughtime.data.corpus import builtin
from throughtime.data.sentences import sentences_of, split_sentences

LINE = "A line of prose that a program has wrapped because it was long"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("She asked: “Why?” Nobody knew.", ["She asked: “Why?”", "Nobody knew."]),
        ("Wait... what? (Yes.) Done.", ["Wait... what?", "(Yes.)", "Done."]),
        ("Version 3.12 is out. 3.13 too.", ["Version 3.12 is out.", "3.13 too."]),
        ("See e.g. Smith, i.e. Dr. J. Smith. He left.", ["See e.g. Smith, i.e. Dr. J. Smith.", "He left."]),
        ("Ông TS. Nguyễn đến. Ở đây!", ["Ông TS. Nguyễn đến.", "Ở đây!"]),
        ("1. First things first. 2. Then.", ["1. First things first.", "2. Then."]),
        ("It ends at 5 p.m. today.", ["It ends at 5 p.m. today."]),
        ("今日は。元気？はい", ["今日は。", "元気？", "はい"]),
        ("Title\n\nText of\nit.", ["Title", "Text of", "it."]),
        ("a\n \n\n  b", ["a", "b"]),
        ("Anna\nBob\nChristopher\nDave", ["Anna", "Bob", "Christopher", "Dave"]),
        (f"{LINE}\nenough to need it. Next.", [f"{LINE} enough to need it.", "Next."]),
        (f"{LINE}\nit\n{LINE}", [f"{LINE} it", LINE]),
        (
            f"+{'-' * 60}+\n| {'cell ' * 12}|\n+{'-' * 60}+",
            [f"+{'-' * 60}+", f"| {'cell ' * 12}|", f"+{'-' * 60}+"],
        ),
        ("tab\tand  spaces", ["tab and spaces"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_end_where_the_rule_says(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text("aB1.!? \n\t\"')(…。é", max_size=200) | st.text())
def test_sentences_hold_the_whole_text_in_order(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(sentences).split()) == "".join(text.split())
    for sentence in sentences:
        assert sentence == " ".join(sentence.split())
        assert sentence


@given(st.text("aB1.!? \n\t\"')(…。é\u2028", max_size=200), st.integers(1, 9))
def test_sentences_do_not_depend_on_the_blocks_of_the_text(text: str, size: int) -> None:
    assert list(sentences_of(sliced(text, size))) == split_sentences(text)


def test_a_text_without_blank_lines_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{LINE}\nenough to need it. Next.\n" * 3
    whole = split_sentences(text)
    monkeypatch.setattr(sentences, "_LONGEST_PARAGRAPH", len(LINE) + 1)
    assert split_sentences(text) == list(sentences_of(sliced(text, 7))) == whole
    monkeypatch.setattr(sentences, "_LONGEST_PARAGRAPH", 1)
    assert split_sentences(text) == [LINE, "enough to need it.", "Next."] * 3


def test_the_builtin_corpus_splits_into_sentences_of_sensible_length() -> None:
    sizes = np.array([len(sentence) for sentence in split_sentences(builtin().text)])
    assert 4000 < len(sizes) < 9000
    assert 40 < np.median(sizes) < 90
    assert np.percentile(sizes, 99) < 400
