"""The setting: sentences cut, wrapped and chosen as the chapters need them."""

import numpy as np
import pytest

from throughtime.errors import ArgumentError, TextError
from throughtime.replay.setting import LONGEST, prepare

WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
]


def test_sentences_begin_and_end_as_in_the_series() -> None:
    setting = prepare("A cat sat. It saw a dog!", 50, 4, 0)
    of = setting.tokenizer
    for x, y in setting.sentences:
        assert x[0] == of.start_id
        assert y[-1] == of.end_id
        assert x[1:] == y[:-1]
    assert setting.words[0] == "<s>"
    assert setting.words[-1] == "</s>"
    assert len(setting.words) == setting.T + 1


def test_chosen_sentence_has_about_twenty_known_words_and_one_of_them_twice() -> None:
    short = "A short one."
    unknown = " ".join(["Zyx", *WORDS, "two", "six", "ten"]) + "."
    once = " ".join([*WORDS, "zero", "short", "some", "more"]) + "."
    twice = " ".join([*WORDS, "two", "zero", "short", "one"]) + "."
    text = "\n\n".join([short, unknown, once, once, twice, twice])
    setting = prepare(text, vocab_size=24, hidden_size=4, seed=0)
    assert "Zyx" not in setting.tokenizer.tokens
    assert setting.words[1:-1] == twice.replace(".", " .").split()
    assert setting.chosen == 4


def test_sentences_too_long_for_the_pictures_are_left_out_or_cut_if_there_is_no_other() -> None:
    long = " ".join(WORDS * 4) + "."
    assert [len(x) for x, _ in prepare(long + "\n\nA short one.", 50, 4, 0).sentences] == [5]
    assert [len(x) for x, _ in prepare(long, 50, 4, 0).sentences] == [LONGEST]


def test_long_sentences_are_those_of_twenty_steps_or_the_longest() -> None:
    long = " ".join(WORDS + WORDS[:5]) + "."
    setting = prepare("\n\n".join(["A short one.", long, "Not a long one.", long, long]), 50, 4, 0)
    assert [len(x) for x, _ in setting.long_sentences(2)] == [22, 22]
    assert [len(x) for x, _ in prepare("A cat. A cat sat.", 50, 4, 0).long_sentences(5)] == [5]


def test_networks_differ_in_their_truncation_alone() -> None:
    setting = prepare("A cat sat.", 50, 4, 7)
    one, other = setting.network(), setting.network(2)
    assert (one.bptt_truncate, other.bptt_truncate) == (None, 2)
    for name in "UVW":
        np.testing.assert_array_equal(one.parameters[name], other.parameters[name])


def test_vietnamese_words_are_the_same_however_they_are_typed() -> None:
    composed = prepare("Trăm năm trong cõi người ta.", 50, 4, 0)
    assert composed.words[1:3] == ["Trăm", "năm"]


def test_sizes_and_texts_that_make_no_network_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^hidden_size is 0; expected at least 1\. "):
        prepare("A cat sat.", 50, 0, 0)
    with pytest.raises(ArgumentError, match=r"^vocab_size is 3"):
        prepare("A cat sat.", 3, 4, 0)
    with pytest.raises(TextError, match="0 words"):
        prepare("  \n ", 50, 4, 0)
