import json

import pytest

import throughtime as tt
from throughtime.exchange.vocabulary import read_vocabulary


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vocabulary"


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(["b", "\n", "a"]),
        json.dumps({"a": 2, "b": 0, "\n": 1}),
        json.dumps({"2": "a", "0": "b", "1": "\n"}),
    ],
)
def test_symbols_as_json(content, file):
    file.write_text(content)
    tokenizer, notes = read_vocabulary(file)
    assert (tokenizer.unit, tokenizer.tokens, notes) == ("char", ("b", "\n", "a"), [])


@pytest.mark.parametrize("content", ["1\n2\n", "1\n2", "x\n1"])
def test_symbols_a_line_each(content, file):
    file.write_text(content)
    assert read_vocabulary(file)[0].tokens == tuple(content.split())


def test_brackets_a_line_each_are_symbols(file):
    for symbols in (["[", '"', "a"], ["{", "'", "a"], ["[UNK]", '"', "a"]):
        file.write_text("\n".join(symbols))
        assert read_vocabulary(file)[0].tokens == tuple(symbols)


@pytest.mark.parametrize("content", ["a\nb\n", '["a", "b"]'])
def test_a_byte_order_mark_is_no_symbol(content, file):
    file.write_text(content, encoding="utf-8-sig")
    assert read_vocabulary(file)[0].tokens == ("a", "b")


def test_digits_alone_are_symbols_too(file):
    file.write_text("7\n")
    assert read_vocabulary(file)[0].tokens == ("7",)


def test_tokenizer_of_a_run(file):
    tokenizer = tt.Tokenizer.train("to be or not to be", unit="bpe", vocab_size=262)
    tokenizer.save(file)
    found, _ = read_vocabulary(file)
    assert (found.unit, found.tokens) == ("bpe", tokenizer.tokens)


@pytest.mark.parametrize(
    ("symbols", "unit", "end", "tokens"),
    [
        (["a", "b", "<eos>"], None, "<eos>", ("a", "b", "<eos>")),  # characters have their own line feed
        (["a", "b", "<eos>"], "word", "<eos>", ("a", "b", "\n")),
        (["the", "cat", "<eos>"], None, "<eos>", ("the", "cat", "\n")),
        (["the", "\n", "<eos>"], None, "<eos>", ("the", "\n", "<eos>")),
        (["the", "<nl>", "<eos>"], None, "<nl>", ("the", "\n", "<eos>")),
    ],
)
def test_end_of_a_line_among_words_is_a_line_feed(symbols, unit, end, tokens, file):
    file.write_text(json.dumps(symbols))
    tokenizer, notes = read_vocabulary(file, unit, end)
    assert tokenizer.tokens == tokens
    assert bool(notes) == (tokens != tuple(symbols))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read \(No such file or directory\); expected a vocabulary"),
        (b"\xff\xfe", "cannot be read .*; expected a vocabulary"),
        (b"a\n\nb\n", "has an empty line, 2; expected a symbol in each"),
        (b'{"a": 0, "b": 2}', "is JSON, but neither a list of symbols nor an object with their ids"),
        (b'{"a": 0, "b": 0}', "is JSON, but neither a list of symbols nor an object with their ids"),
        (b'{"0": "a", "2": "b"}', "is JSON, but neither a list of symbols nor an object with their ids"),
        (b'{"%s": "a"}' % (b"9" * 5000), "is JSON, but neither a list of symbols nor an object"),
        (b'["a", "b"', r"begins as JSON, but is none \(Expecting ',' delimiter.*\); expected a vocabulary"),
        (b'[\n  "a",\n  "b",\n]', r"begins as JSON, but is none"),
        (b"['a', 'b']", r"begins as JSON, but is none"),
        (b'["a",' * 200_000, r"begins as JSON, but is none \(maximum recursion"),
        (b'{"a": "b"}', "is JSON, but neither a list of symbols nor an object with their ids"),
        (b"{}", "is JSON, but neither a list of symbols nor an object with their ids"),
        (b'{"model": {"type": "BPE"}}', "is a tokenizer that cuts text in ways of its own; expected"),
    ],
)
def test_what_is_no_vocabulary_is_refused(content, message, file):
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(tt.TextError, match=message) as caught:
        read_vocabulary(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["a\t0\nb\t1\n", "a 5\nb 4\n"])
def test_symbols_with_counts_are_refused(content, file):
    file.write_text(content)
    with pytest.raises(
        tt.ArgumentError, match=r"vocabulary: token 0, 'a.*', has white space within; expected"
    ):
        read_vocabulary(file)


@pytest.mark.parametrize(("content", "shown"), [("[1, 2]", "1"), ('[["a", 1]]', r"\['a', 1\]")])
def test_a_list_of_other_things_is_refused(content, shown, file):
    file.write_text(content)
    with pytest.raises(tt.ArgumentError, match=f"vocabulary: token 0, {shown}, is no text; expected"):
        read_vocabulary(file)
