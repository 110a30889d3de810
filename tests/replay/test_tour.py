"""The replay from beginning to end, in both languages, on texts long, short and odd."""

import json
from io import StringIO

import pytest
from rich.console import Console

from throughtime.data.corpus import Corpus, builtin
from throughtime.errors import ArgumentError, TextError
from throughtime.replay import replay
from throughtime.replay.catalogue import Catalogue
from throughtime.replay.page import Page
from throughtime.replay.tour import show_closing

CHAPTERS = [
    "forward",
    "gradients",
    "truncation",
    "activations",
    "fading",
    "two_truncations",
    "slips",
    "quirks",
    "training",
]


def page(text: str, lang: str = "en", **sizes: int) -> tuple[str, dict[str, object]]:
    written = StringIO()
    found = replay(text, lang, Console(file=written, width=80), **({"hidden_size": 12, "steps": 40} | sizes))
    return written.getvalue(), found


@pytest.mark.parametrize(("lang", "title"), [("en", "7  The article's slips"), ("vi", "7  Đính chính")])
def test_replay_writes_all_chapters_in_80_columns(lang: str, title: str) -> None:
    written, found = page(builtin().text[:30_000], lang)
    lines = written.splitlines()
    assert any(line.startswith(title) for line in lines)
    assert [line[0] for line in lines if line.endswith("────") and line[0] != " "] == list("12345678")
    assert max(map(len, lines)) <= 80
    assert "{" not in written.replace("{…}", "")
    assert found["lang"] == lang


def test_replay_returns_its_numbers_ready_for_json() -> None:
    _, found = page(builtin().text[:30_000])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [name for name in found if name in CHAPTERS] == CHAPTERS
    assert found["hidden_size"] == 12
    gradients = found["gradients"]
    assert isinstance(gradients, dict)
    assert all(row["engine"] < 1e-10 for rows in gradients["comparisons"].values() for row in rows)


def test_replay_measures_the_same_again_and_without_a_console() -> None:
    _, shown = page("A cat sat on a mat and saw a dog that saw a cat.")
    silent = replay("A cat sat on a mat and saw a dog that saw a cat.", hidden_size=12, steps=40)
    for chapter in ("forward", "truncation", "fading", "two_truncations", "slips", "quirks"):
        assert shown[chapter] == silent[chapter]


@pytest.mark.parametrize("lang", ["en", "vi"])
@pytest.mark.parametrize("hidden_size", [1, 12])
@pytest.mark.parametrize(
    "text", ["hello", "...", "a b", "word and other " * 100, "Trăm năm trong cõi người ta, chữ tài chữ mệnh."]
)
def test_replay_takes_any_text_that_has_a_word(text: str, hidden_size: int, lang: str) -> None:
    written, found = page(text, lang, hidden_size=hidden_size)
    json.dumps(found, allow_nan=False)
    assert max(map(len, written.splitlines())) <= 80
    assert " nan" not in written


def test_replay_keeps_its_claims_to_where_they_hold() -> None:
    assert "some twenty digits" in page("hello")[0]
    assert "steps: little can be left out" in page("hello")[0]
    assert "the two agree" in page("hello")[0]
    written, _ = page(builtin().text[:30_000], hidden_size=100)
    assert "Large weights are no cure" in written
    assert "some twenty digits" not in written


def test_replay_names_the_corpus_that_it_is_given() -> None:
    written = StringIO()
    found = replay(
        Corpus("a rhyme", "one two one two"), "en", Console(file=written, width=80), hidden_size=3, steps=4
    )
    assert "a rhyme (sentences: 1)" in written.getvalue()
    assert found["corpus"] == {
        "name": "a rhyme",
        "sha256": Corpus("", "one two one two").sha256,
        "sentences": 1,
    }


def test_replay_refuses_an_unknown_language_and_an_empty_text() -> None:
    with pytest.raises(ArgumentError, match=r"^lang is 'de'; expected one of en, vi"):
        replay("hello", "de")
    with pytest.raises(TextError, match="empty"):
        replay(" ")


@pytest.mark.parametrize(
    ("own", "command"),
    [(True, "train FILE --cell lstm --out RUN"), (False, "train --cell lstm --out RUN")],
)
def test_show_closing_trains_on_the_text_that_was_shown(own: bool, command: str) -> None:
    written = StringIO()
    show_closing(Page(Console(file=written, width=80), Catalogue("en")), "en", 1.0, own=own)
    assert command in written.getvalue()
