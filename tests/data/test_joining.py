import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data.joining import TextStream
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.vocabularies import Unit
from throughtime.errors import TokenError

BYTES = Tokenizer.train("a", "bpe", 259)


@given(st.sampled_from(["char", "word", "bpe"]), st.data())
def test_pieces_put_together_are_the_decoded_text(unit: Unit, data: st.DataObject) -> None:
    tokenizer = Tokenizer.train("""It's "fine" (he said): 'go'... $5, or 5%!\n""", unit)
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1)))
    stream = TextStream(tokenizer)
    pieces = [stream.push(token_id) for token_id in ids]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(ids)
    if unit == "bpe":
        return
    for token_id, piece in zip(ids, pieces, strict=True):
        if token_id >= 3:
            assert (
                piece.removeprefix("\n").lstrip(" ") == tokenizer.tokens[token_id].lstrip(" ")
                or unit == "char"
            )
            assert piece.endswith(tokenizer.tokens[token_id])


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world! How are you? Fine; thanks: 5% of it…",
        'He said "no", then (perhaps) [maybe] "yes".',
        "«Oui» and “đúng” and ‘so’.",
        "'one' 'two'",
        "It costs $5 or €6 -- or 3.14...",
        "well-known don't 1.000,5",
        "日本語。",
        "a <= b",
    ],
)
def test_words_are_joined_as_they_are_written(text: str) -> None:
    tokenizer = Tokenizer.train(text, "word")
    expected = text.replace("<=", "< =")
    assert tokenizer.decode(tokenizer.encode(text)) == expected


@given(st.text("ab3 .,;:!?-'\"()[]$%…“”«»`/\n", min_size=1))
def test_joined_words_are_cut_into_the_same_words_again(text: str) -> None:
    tokenizer = Tokenizer.train(text + " a", "word")
    ids = tokenizer.encode(text)
    assert tokenizer.encode(tokenizer.decode(ids)).tolist() == ids.tolist()


@given(st.binary() | st.text(max_size=3).map(str.encode))
def test_bytes_come_as_characters_when_they_are_complete(content: bytes) -> None:
    ids = [BYTES.bytes_of.index(bytes([byte])) for byte in content]
    assert BYTES.decode(ids) == content.decode(errors="replace")
    stream = TextStream(BYTES)
    pieces = [stream.push(token_id) for token_id in ids]
    assert "".join(pieces) + stream.finish() == content.decode(errors="replace")
    for end in range(len(ids) + 1):
        assert content[:end].decode(errors="replace").startswith("".join(pieces[:end]))


def test_a_sentence_s_edge_ends_an_unfinished_character() -> None:
    half, a = (BYTES.bytes_of.index(content) for content in (b"\xc3", b"a"))
    assert BYTES.decode([half, BYTES.end_id, a]) == "\ufffd\na"
    assert BYTES.decode([half, BYTES.unknown_id]) == "\ufffd\ufffd"


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_sentences_stand_a_line_each(unit: Unit) -> None:
    tokenizer = Tokenizer.train("ab", unit)
    start, end, token = tokenizer.start_id, tokenizer.end_id, 3
    shown = tokenizer.decode([token])
    assert tokenizer.decode([start, token, end]) == shown
    assert tokenizer.decode([start, token, end, start, token, end]) == f"{shown}\n{shown}"
    assert tokenizer.decode([token, end, token]) == f"{shown}\n{shown}"
    assert tokenizer.decode([end, start]) == ""


def test_a_sentence_edge_closes_the_quotes() -> None:
    tokenizer = Tokenizer.train('" a', "word")
    quote, a = tokenizer.encode('" a')
    assert tokenizer.decode([quote, a, tokenizer.end_id, quote, a]) == '"a\n"a'


@pytest.mark.parametrize("token_id", [-1, 4])
def test_push_refuses_an_id_outside_the_vocabulary(token_id: int) -> None:
    with pytest.raises(TokenError, match=rf"token id {token_id}; expected 0 to 3"):
        TextStream(Tokenizer.train("a")).push(token_id)
