"""The two catalogues: the same keys, the same places, nothing idle, nothing left in the wrong language."""

import re
import unicodedata
from pathlib import Path
from string import Formatter

import pytest

from throughtime import replay
from throughtime.errors import ArgumentError
from throughtime.replay.catalogue import Catalogue

ENGLISH, VIETNAMESE = Catalogue("en").texts(), Catalogue("vi").texts()


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(ENGLISH) == list(VIETNAMESE)


@pytest.mark.parametrize("key", ENGLISH)
def test_both_languages_have_the_same_places(key: str) -> None:
    assert places(ENGLISH[key]) == places(VIETNAMESE[key])


@pytest.mark.parametrize("texts", [ENGLISH, VIETNAMESE], ids=["en", "vi"])
def test_texts_are_composed_and_in_one_line(texts: dict[str, str]) -> None:
    for key, text in texts.items():
        assert text, key
        assert unicodedata.is_normalized("NFC", text), key
        assert "  " not in text, key
        assert text == text.strip(), key


def test_sentences_are_translated() -> None:
    for key, text in VIETNAMESE.items():
        if len(text) > 40:
            assert text != ENGLISH[key], key
            assert re.search("[ăâđêôơưạảấầẩẫậắằặẹẻếềểệịọỏốồộớờợụủứừửữựỳ]", text), key
            assert not re.search(r"\b(the|and|of|is|are|with)\b", text.replace("help topics of", "")), key


def test_every_text_is_used_and_no_other_is_asked_for() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in Path(replay.__file__).parent.glob("*.py"))
    chapters = {key.split(".")[0] for key in ENGLISH}
    asked = {
        key for key in re.findall(r"""["']([a-z]+\.[a-z_]+)["']""", code) if key.split(".")[0] in chapters
    }
    assert asked <= set(ENGLISH)
    built = {
        "opening.text",
        "opening.network",
        "opening.start",
        "opening.sentence",
    }  # from the rows' own names
    built |= {"closing.train", "closing.check", "closing.other"}
    built |= {"gradients.norm", "gradients.engine", "gradients.differences"}
    assert asked | built == set(ENGLISH)


def test_catalogue_fills_the_places() -> None:
    assert Catalogue("en")("closing.done", seconds=7) == "Replayed in 7 s."
    with pytest.raises(KeyError, match="seconds"):
        Catalogue("en")("closing.done")


def test_catalogue_refuses_another_language() -> None:
    with pytest.raises(ArgumentError, match=r"^lang is 'fr'; expected one of en, vi\. "):
        Catalogue("fr")
