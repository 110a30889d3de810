import errno
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from throughtime.data import blocks
from throughtime.data.corpus import Corpus, builtin
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.vocabularies import SPECIALS, Unit
from throughtime.errors import ArgumentError, DtypeError, RunError, ShapeError, TextError, TokenError

# Unassigned code points are left out: what they decompose to differs between versions of Unicode.
texts = st.text(st.characters(exclude_categories=["Cs", "Cn"]), min_size=1)
UNITS: list[Unit] = ["char", "word", "bpe"]
VIETNAMESE = "Nước Việt Nam, thủ đô Hà Nội.\n\tĐường phố… “đông đúc”! 🇻🇳 👨‍👩‍👧\r\n"
TRAINED = {
    unit: Tokenizer.train(
        VIETNAMESE + "the cat, Trăm 漢 năm. The <s> sat </s> <unk>.\n" + "a \n\n  b" * 9, unit, 300
    )
    for unit in UNITS
}


@given(texts)
def test_characters_round_trip(text: str) -> None:
    tokenizer = Tokenizer.train(text)
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)
    assert tokenizer.count_unknown(ids) == 0
    assert not set(ids.tolist()) & {tokenizer.start_id, tokenizer.end_id}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_characters_are_composed_code_points(form: Literal["NFC", "NFD"]) -> None:
    tokenizer = Tokenizer.train(VIETNAMESE)
    ids = tokenizer.encode(unicodedata.normalize(form, VIETNAMESE))
    assert [tokenizer.tokens[i] for i in ids] == list(VIETNAMESE)


@given(st.sampled_from(["char", "word"]), texts, st.text(st.characters(exclude_categories=["Cs", "Cn"])))
def test_encoding_is_what_the_file_says_to_the_library_that_reads_it(
    unit: Unit, learnt: str, text: str
) -> None:
    tokenizer = Tokenizer.train(learnt + " word", unit)
    theirs = tokenizers.Tokenizer.from_str(tokenizer._backend.to_str())
    assert tokenizer.encode(text).tolist() == theirs.encode(text).ids


@given(st.sampled_from(["char", "word"]), texts, st.integers(4, 12))
def test_the_most_frequent_tokens_are_kept_in_a_fixed_order(unit: Unit, text: str, vocab_size: int) -> None:
    text += " word"
    full, capped = Tokenizer.train(text, unit), Tokenizer.train(text, unit, vocab_size)
    assert capped.tokens == full.tokens[:vocab_size]
    assert capped.vocab_size == len(capped.tokens) <= vocab_size
    assert full.tokens[:3] == SPECIALS
    counts = np.bincount(full.encode(text), minlength=full.vocab_size)[3:]
    assert (np.diff(counts) <= 0).all()
    ranks = [(-count, token) for count, token in zip(counts, full.tokens[3:], strict=True)]
    assert ranks == sorted(ranks)
    assert capped.count_unknown(capped.encode(text)) == counts[vocab_size - 3 :].sum()


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("special", SPECIALS)
def test_a_text_that_spells_out_a_special_token_gets_none(unit: Unit, special: str, tmp_path: Path) -> None:
    text = f"a {special} b{special}{special}" * 9
    Tokenizer.train(text, unit).save(tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")
    ids = tokenizer.encode(text)
    assert ids.min() >= 3
    if unit != "word":
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Tôi yêu Việt Nam.", ["Tôi", "yêu", "Việt", "Nam", "."]),
        (unicodedata.normalize("NFD", "Tiếng Việt"), ["Tiếng", "Việt"]),
        ("don't, rock’n’roll", ["don't", ",", "rock’n’roll"]),
        ("'quoted' users' -x", ["'", "quoted", "'", "users", "'", "-", "x"]),
        ("well-known -- 3.14 or 1.000,5.", ["well-known", "-", "-", "3.14", "or", "1.000,5", "."]),
        ("a.b x3.5 __init__()", ["a", ".", "b", "x3.5", "__init__", "(", ")"]),
        ("...?!", [".", ".", ".", "?", "!"]),
        ("hi 👨‍👩‍👧🇻🇳!\n\tbye", ["hi", "👨‍👩‍👧", "🇻🇳", "!", "bye"]),
        ("日本語。", ["日本語", "。"]),
        ("  \n ", []),
    ],
)
def test_words_are_cut_as_said(text: str, words: list[str]) -> None:
    tokenizer = Tokenizer.train(text + " end", "word")
    assert [tokenizer.tokens[i] for i in tokenizer.encode(text)] == words


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_a_corpus_in_blocks_is_learnt_and_encoded_as_its_text(
    unit: Unit, form: Literal["NFC", "NFD"], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = unicodedata.normalize(form, VIETNAMESE * 20)
    tokenizer = Tokenizer.train(text, unit, 300)
    whole = tokenizer.encode(text)
    monkeypatch.setattr(blocks, "BLOCK", size)
    assert Tokenizer.train(Corpus("a text", text), unit, 300).to_json() == tokenizer.to_json()
    np.testing.assert_array_equal(tokenizer.encode(text), whole)


# What joins with its neighbours: white space, marks, parts of syllables, emoji, signs that hold on to what follows.
JOINING = st.text(
    st.sampled_from(
        "aB3 \n\t\r\x1c\x85\u00a0\u2003'’.,-漢。eo\u0302\u0301\u1ea1ᄒ\u1161\u11ab한\u0600\u0d4e\u200d👨\u0f71\u0f72😀\ufe0f🇻"
    )
    | st.characters(exclude_categories=["Cs", "Cn"])
)


@given(st.sampled_from(UNITS), JOINING, st.integers(1, 5))
@settings(max_examples=200)
@example("bpe", "a \n\n  b", 1)
@example("bpe", "a \n\n  b", 3)
def test_no_token_depends_on_where_blocks_are_cut(unit: Unit, text: str, size: int) -> None:
    tokenizer = TRAINED[unit] if unit == "bpe" else Tokenizer.train(text + " a", unit)
    found = list(tokenizer.encode_blocks(blocks.sliced(text, size)))
    (whole,) = tokenizer.encode_each([text])
    assert np.concatenate([*found, []]).tolist() == whole.tolist()


@given(st.sampled_from(UNITS), st.lists(JOINING))
def test_many_texts_are_encoded_as_each_of_them(unit: Unit, many: list[str]) -> None:
    found = TRAINED[unit].encode_each(iter(many))
    assert [ids.tolist() for ids in found] == [TRAINED[unit].encode(text).tolist() for text in many]


@given(st.text(st.characters(exclude_categories=["Cs", "Cn"])))
@example(VIETNAMESE + "\0\x1f\x7f\ufeff\U0010ffff\u2028")
@example("<s></s> <unk>")
def test_bpe_knows_every_text(text: str) -> None:
    tokenizer = TRAINED["bpe"]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)
    assert ids.size == 0 or ids.min() >= 3
    assert tokenizer.count_characters(ids) == len(unicodedata.normalize("NFC", text))


def test_bpe_learns_what_occurs_often() -> None:
    tokenizer = Tokenizer.train("the cat and the hat and the rat " * 20, "bpe", 300)
    assert {"the", "Ġthe", "Ġand"} <= set(tokenizer.tokens)
    assert [tokenizer.tokens[i] for i in tokenizer.encode("the hat")] == ["the", "Ġhat"]
    assert tokenizer.vocab_size <= 300
    assert len(tokenizer.bytes_of) == tokenizer.vocab_size
    assert sorted(content for content in tokenizer.bytes_of if len(content) == 1) == [
        bytes([i]) for i in range(256)
    ]


def test_bpe_has_8000_tokens_unless_told_otherwise() -> None:
    text = "".join(f"{i:x} " for i in range(30_000))
    assert Tokenizer.train(text, "bpe").vocab_size == 8000
    assert Tokenizer.train(text, "bpe", 259).vocab_size == 259
    with pytest.raises(ArgumentError, match=r"vocab_size is 258; expected at least 259, as .* the 256 bytes"):
        Tokenizer.train(text, "bpe", 258)


def test_bpe_is_learnt_alike_in_every_program() -> None:
    # Pairs that occur equally often are many here; hashes differ from program to program.
    code = "from throughtime import Tokenizer as T; t = T.train(''.join(f'{i * i:x} ' for i in range(999)), 'bpe', 400)"
    files = [
        subprocess.run(
            [sys.executable, "-c", code + "; import sys; sys.stdout.write(t.to_json())"],
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(3)
    ]
    assert len(set(files)) == 1
    assert json.loads(files[0])["model"]["merges"]


@given(st.sampled_from(UNITS), st.text(st.sampled_from("the cat, Trăm 漢\n."), max_size=50))
def test_characters_are_counted_as_decode_shows_them(unit: Unit, text: str) -> None:
    ids = TRAINED[unit].encode(text)
    assert TRAINED[unit].count_characters(ids) == len(TRAINED[unit].decode(ids))


def test_unknown_tokens_are_counted_and_shown() -> None:
    characters = Tokenizer.train("abc")
    assert characters.encode("a☃𝄞b").tolist() == [3, 0, 0, 4]
    assert characters.decode([3, 0, 4]) == "a\ufffdb"
    words = Tokenizer.train("one two", "word")
    ids = words.encode("one three two")
    assert words.count_unknown(ids) == 1
    assert words.decode(ids) == "one <unk> two"


@pytest.mark.parametrize("unit", UNITS)
def test_the_empty_text_has_no_tokens(unit: Unit) -> None:
    tokenizer = Tokenizer.train("some text", unit)
    ids = tokenizer.encode("")
    assert ids.shape == (0,)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == tokenizer.decode([]) == ""


@pytest.mark.parametrize("unit", UNITS)
def test_save_and_load_keep_everything(unit: Unit, tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(VIETNAMESE, unit)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(str(tmp_path / "tokenizer.json"))
    assert (loaded.unit, loaded.tokens) == (unit, tokenizer.tokens)
    assert (loaded.unknown_id, loaded.start_id, loaded.end_id) == (0, 1, 2)
    np.testing.assert_array_equal(loaded.encode(VIETNAMESE), tokenizer.encode(VIETNAMESE))
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"tokenizer.json", "again.json"}


def test_what_is_saved_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append([path.name for path in tmp_path.iterdir()]))
    Tokenizer.train("text").save(tmp_path / "tokenizer.json")
    assert "tokenizer.json" not in synced[0]
    assert synced[-1] == ["tokenizer.json"]


def test_save_leaves_the_old_file_whole_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokenizer.json"
    Tokenizer.train("old").save(file)
    old = file.read_bytes()

    def full_disk(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match=r"no space.*tokenizer\.json"):
        Tokenizer.train("new").save(file)
    assert file.read_bytes() == old
    assert list(tmp_path.iterdir()) == [file]


def test_load_refuses_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"tokenizer\.json does not exist; expected"):
        Tokenizer.load(tmp_path / "tokenizer.json")
    with pytest.raises(RunError, match="is a directory; expected"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"{}", b'{"model": 3}', b"\xff\xfe", b"\0"])
def test_load_refuses_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(RunError, match=r"expected a tokenizer\.json") as caught:
        Tokenizer.load(file)
    assert "\n" not in str(caught.value)


@given(st.data())
def test_load_survives_any_cut_and_any_changed_byte(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("damaged") / "tokenizer.json"
    Tokenizer.train("ab", data.draw(st.sampled_from(UNITS))).save(file)
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[position:]
    else:
        content[position] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    try:
        tokenizer = Tokenizer.load(file)
    except RunError:
        return
    assert tokenizer.decode(tokenizer.encode("ab\n")) is not None


def _edited(file: dict[str, Any], *path: str | int, value: object) -> str:
    at: Any = file
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(file)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["normalizer"], {"type": "Lowercase"}),
        (["pre_tokenizer"], {"type": "Whitespace"}),
        (["pre_tokenizer"], None),
        (["model", "vocab"], {"<unk>": 0, "<s>": 1, "</s>": 2, "a": 4}),
        (["model", "vocab"], {"<unk>": 0, "<s>": 1, "</s>": 2, "ab": 3}),
        (["model", "unk_token"], "a"),
        (["truncation"], {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}),
    ],
)
def test_load_refuses_another_programs_file(tmp_path: Path, path: list[str | int], value: object) -> None:
    file = tmp_path / "tokenizer.json"
    Tokenizer.train("a").save(file)
    file.write_text(_edited(json.loads(file.read_text()), *path, value=value))
    with pytest.raises(RunError, match="another program's"):
        Tokenizer.load(file)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["pre_tokenizer", "add_prefix_space"], True),
        (["pre_tokenizer", "use_regex"], False),
        (["model", "unk_token"], "<unk>"),
        (["model", "dropout"], 0.5),
        (["added_tokens"], [{"id": 1, "content": "<s>", "single_word": False, "lstrip": False, "rstrip": False,
                             "normalized": False, "special": True}]),
    ],
)  # fmt: skip
def test_load_refuses_another_programs_bpe(tmp_path: Path, path: list[str | int], value: object) -> None:
    file = tmp_path / "tokenizer.json"
    TRAINED["bpe"].save(file)
    file.write_text(_edited(json.loads(file.read_text()), *path, value=value))
    with pytest.raises(RunError, match="another program's"):
        Tokenizer.load(file)


def test_train_refuses_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="unit is 'byte'; expected 'char', 'word' or 'bpe'"):
        Tokenizer.train("text", "byte")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="vocab_size is 3; expected at least 4"):
        Tokenizer.train("text", vocab_size=3)


def test_train_refuses_a_text_without_tokens() -> None:
    with pytest.raises(TextError, match="0 chars"):
        Tokenizer.train("")
    with pytest.raises(TextError, match="0 characters"):
        Tokenizer.train("", "bpe")
    with pytest.raises(TextError, match="0 words"):
        Tokenizer.train(" \n", "word")


@pytest.mark.parametrize("unit", UNITS)
def test_half_a_surrogate_pair_is_refused(unit: Unit) -> None:
    with pytest.raises(TextError, match=r"U\+DCFF, at character 2"):
        Tokenizer.train("ab\udcff", unit)
    with pytest.raises(TextError, match=r"U\+D800, at character 0"):
        Tokenizer.train("ab", unit).encode("\ud800")


def test_decode_refuses_what_are_not_ids() -> None:
    tokenizer = Tokenizer.train("ab")
    for wrong in ([3, 5], [-1]):
        with pytest.raises(TokenError, match=rf"token id {wrong[-1]}; expected 0 to 4 \(vocab_size 5\)"):
            tokenizer.decode(wrong)
    with pytest.raises(ShapeError, match=r"\(1, 2\)"):
        tokenizer.decode([[3, 4]])
    with pytest.raises(DtypeError, match="float64"):
        tokenizer.decode([3.0])


@pytest.mark.parametrize(("unit", "vocab_size"), [("char", None), ("word", 8000), ("bpe", 1000)])
def test_the_builtin_corpus_comes_back(unit: Unit, vocab_size: int | None) -> None:
    text = builtin().text
    tokenizer = Tokenizer.train(text, unit, vocab_size)
    ids = tokenizer.encode(text)
    decoded = tokenizer.decode(ids)
    assert tokenizer.count_unknown(ids) == 0
    if unit != "word":
        assert decoded == text
    else:
        assert "".join(decoded.split()) == "".join(text.split())
        np.testing.assert_array_equal(tokenizer.encode(decoded), ids)


def test_tokenizer_tells_its_size():
    tokenizer = Tokenizer.train("to be or not to be")
    assert len(tokenizer) == tokenizer.vocab_size == 10
    assert repr(tokenizer) == "<Tokenizer of 10 tokens, unit 'char'>"


def test_vocabulary_from_elsewhere_keeps_its_ids(tmp_path: Path) -> None:
    Tokenizer.of(["b", "<pad>", "\n", "a"]).save(tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")
    assert (tokenizer.unit, tokenizer.tokens) == ("char", ("b", "<pad>", "\n", "a"))
    assert (tokenizer.unknown_id, tokenizer.start_id, tokenizer.end_id) == (-1, -1, -1)
    assert tokenizer.encode("ab\n").tolist() == [3, 0, 2]
    assert tokenizer.decode([3, 1, 0]) == "a<pad>b"
    assert tokenizer.count_characters([3, 1, 0]) == 7
    assert tokenizer.count_unknown([3, 1, 0]) == 0


@pytest.mark.parametrize("unknown", ["<unk>", "<UNK>", "[UNK]"])
def test_vocabulary_from_elsewhere_may_call_the_unknown_as_is_usual(unknown: str, tmp_path: Path) -> None:
    for tokens in (["a", "b", unknown], ["the", "cat", unknown]):
        Tokenizer.of(tokens).save(tmp_path / "tokenizer.json")
        tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")
        assert tokenizer.unknown_id == 2
        assert tokenizer.encode("q").tolist() == [2]


@pytest.mark.parametrize(
    ("tokens", "text", "lacks"),
    [
        (["a", "b"], "axbyx" + "a" * 9, "'x', 'y', which"),
        (["the", "cat"], "the mat on the mat", "'mat', 'on', which"),
    ],
)
def test_vocabulary_without_an_unknown_token_refuses_what_it_lacks(
    tokens: list[str], text: str, lacks: str
) -> None:
    with pytest.raises(TokenError, match=f"the text has {lacks} the vocabulary lacks; expected its 2 tokens"):
        Tokenizer.of(tokens).encode(text)


def test_words_from_elsewhere_are_cut_at_white_space_if_they_must_be() -> None:
    ours = Tokenizer.of(["don't", "stop", ".", "<unk>"])
    assert ours.encode("don't stop.").tolist() == [0, 1, 2]
    spaced = Tokenizer.of(["do", "n't", "u.s.", "<unk>", "<eos>"])
    assert spaced.encode("do n't <unk> u.s.\n <eos>").tolist() == [0, 1, 3, 2, 4]


def test_line_feed_among_words_is_a_word() -> None:
    tokenizer = Tokenizer.of(["a", "'s", "\n", "."])
    ids = tokenizer.encode("a 's .\n\na")
    assert ids.tolist() == [0, 1, 3, 2, 2, 0]
    assert tokenizer.decode(ids) == "a 's.\n\na"


def test_vocabulary_from_elsewhere_is_composed() -> None:
    tokenizer = Tokenizer.of(["a", "e\u0301"])
    assert (tokenizer.unit, tokenizer.tokens) == ("char", ("a", "\u00e9"))
    assert tokenizer.encode("ae\u0301").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("tokens", "special"),
    [
        (["a", "<pad>", "[MASK]", "<unk>", "b"], (1, 2, 3)),
        (["the", "<pad>", "<end of line>", "UNK"], (1, 2, 3)),
        (["u.s.", "<num>", "<unk>"], (2,)),  # cut at white space, where a text may have <num>
        (["a", "b"], ()),
    ],
)
def test_special_ids_are_of_what_no_text_gives(tokens: list[str], special: tuple[int, ...]) -> None:
    assert Tokenizer.of(tokens).special_ids == special


@pytest.mark.parametrize("unit", UNITS)
def test_special_ids_of_a_trained_vocabulary(unit: Unit) -> None:
    assert Tokenizer.train("UNK [a] a<…>b <b> " * 9, unit).special_ids == (0, 1, 2)


@pytest.mark.parametrize(
    ("tokens", "unit", "found"),
    [
        (["a", "b", "a"], None, "token 2, 'a', stands twice"),
        (["a", ""], None, "token 1, '', is no text"),
        (["a", "bc"], "char", "unit is 'char' and 'bc' is among the tokens"),
        (["a", "b"], "bpe", "unit is 'bpe' and 2 tokens"),
        ([], None, "no token found"),
        (["the 1234"], None, "token 0, 'the 1234', has white space within"),
        (["a", "\r\n"], None, r"token 1, '\\r\\n', has white space within"),
        (["a", "\ud800"], None, r"token 1, '\\ud800', has half a surrogate pair"),
        (["\u00e9", "a", "e\u0301"], None, "token 2, 'e\u0301', is in NFC the same as token 0"),
    ],
)
def test_vocabulary_that_is_none_is_refused(tokens: list[str], unit: Unit | None, found: str) -> None:
    with pytest.raises(ArgumentError, match=f"{found}; expected"):
        Tokenizer.of(tokens, unit)
