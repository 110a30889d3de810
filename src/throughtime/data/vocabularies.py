"""What a token is: for each unit, how a vocabulary is taken from a text, and what its tokenizer.json looks like."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, Literal, TypeAlias

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from throughtime.data.blocks import Edge, between_characters, between_words, composed, recut
from throughtime.errors import ArgumentError, TextError
from throughtime.machine.arrays import Array

Unit: TypeAlias = Literal["char", "word", "bpe"]

# The special tokens are plain entries of the vocabulary, not `added_tokens`, which the format would look for in every
# text. So a text that spells out '<s>' gives '<', 's', '>': no piece that a pattern cuts is as long as a special, and
# byte pairs are merged only within what GPT-2's pattern cuts, which parts letters from marks.
UNKNOWN, START, END = SPECIALS = ("<unk>", "<s>", "</s>")
UNKNOWN_ID, START_ID, END_ID = range(3)
# What others call the first of them, the usual name first.
_UNKNOWNS = (UNKNOWN, "<UNK>", "[UNK]", "<unknown>", "UNK")
# A symbol among characters that none of them is: <pad>, [MASK].
_MARK = re.compile(r"<.+>|\[.+\]")

# One byte is one token at least, so that no text is ever unknown.
LEAST_BPE = len(SPECIALS) + 256
DEFAULT_BPE = 8000

EDGES: dict[Unit, Edge] = {"char": between_characters, "word": between_words, "bpe": between_words}

# What makes one token. A word keeps its inner apostrophes and hyphens, a number its points and commas; anything else
# that is not white space stands alone, an emoji with all that belongs to it (\X, a grapheme cluster).
_CHAR = r"[\s\S]"
_WORD = r"\w+(?:['’‐‑-]\w+|(?<=\d)[.,](?=\d)\w+)*|(?!\s)\X"
# What others have cut at white space.
_SPACED = r"\S+"


def learn(blocks: Iterable[str], unit: Unit, vocab_size: int | None) -> tokenizers.Tokenizer:
    """The tokenizer whose vocabulary is taken from a text.

    Parameters
    ----------
    blocks : iterable of str
        The text, cut anywhere.
    unit, vocab_size
        As `Tokenizer.train` has them.

    Raises
    ------
    TextError
        The text has no token, or is not Unicode.
    """
    text = composed(recut(blocks, EDGES[unit]))
    if unit == "bpe":
        return _learn_bpe(text, vocab_size or DEFAULT_BPE)
    cut = _cut(_CHAR if unit == "char" else _WORD)
    count = _count_characters(text) if unit == "char" else _count_words(text, cut)
    if not count:
        raise TextError(f"the text has 0 {unit}s; expected at least 1. Give another text.")
    ranked = sorted(count, key=lambda token: (-count[token], token))
    kept = ranked if vocab_size is None else ranked[: vocab_size - len(SPECIALS)]
    return _of_tokens([*SPECIALS, *kept], unit, cut, UNKNOWN)


def of_symbols(symbols: Sequence[str], unit: Unit | None) -> tuple[tokenizers.Tokenizer, Unit]:
    """The tokenizer of a vocabulary that is there already, and what its tokens are, as `Tokenizer.of` has it.

    Raises
    ------
    ArgumentError
        A symbol is empty or stands twice, has white space within, is no Unicode, or is too long for a character.
    """
    symbols = _composed(symbols)
    unit = _unit_of_symbols(symbols, unit)
    unknown = next((name for name in _UNKNOWNS if name in symbols), UNKNOWN)
    if unit == "char":
        return _of_tokens(symbols, unit, _cut(_CHAR), unknown), unit
    cut = _cut(_WORD)
    words = [symbol for symbol in symbols if not _is_mark(symbol) and not symbol.isspace()]
    whole = all([piece for piece, _ in cut.pre_tokenize_str(word)] == [word] for word in words)
    pattern = _WORD if whole else _SPACED
    cut = _cut(rf"{pattern}|\n" if "\n" in symbols else pattern)
    return _of_tokens(symbols, unit, cut, unknown), unit


def _composed(symbols: Sequence[str]) -> list[str]:
    """Symbols in NFC, as texts are, if they are a vocabulary."""
    if not symbols:
        raise ArgumentError("no token found; expected at least one. Give all of the vocabulary.")
    seen: dict[str, int] = {}
    for i, symbol in enumerate(symbols):
        fault = _fault(symbol)
        composed = "" if fault else unicodedata.normalize("NFC", symbol)
        if composed in seen:
            fault = (
                "stands twice"
                if symbols[seen[composed]] == symbol
                else f"is in NFC the same as token {seen[composed]}"
            )
        if fault:
            raise ArgumentError(
                f"token {i}, {symbol!r}, {fault}; expected tokens that differ. Correct the vocabulary."
            )
        seen[composed] = i
    return [*seen]


def _fault(symbol: Any) -> str:
    """Why no text can ever give a symbol; nothing where one may."""
    if not isinstance(symbol, str) or not symbol:
        return "is no text"
    if any("\ud800" <= letter <= "\udfff" for letter in symbol):
        return "has half a surrogate pair"
    if len(symbol) > 1 and any(map(str.isspace, symbol)) and not _is_mark(symbol):
        return "has white space within"
    return ""


def _unit_of_symbols(symbols: Sequence[str], unit: Unit | None) -> Unit:
    longer = [symbol for symbol in symbols if len(symbol) > 1 and not _is_mark(symbol)]
    if unit is None:
        unit = "word" if longer else "char"
    if unit not in ("char", "word") or (unit == "char" and longer):
        what = f"{longer[0]!r} is among the tokens" if longer else f"{len(symbols)} tokens"
        raise ArgumentError(
            f"unit is {unit!r} and {what}; expected 'char', with tokens of one character, or 'word'. Leave unit out."
        )
    return unit


def given_by_no_text(backend: tokenizers.Tokenizer) -> list[int]:
    """Ids of special tokens and marks that a text cannot spell out, in order."""
    vocabulary = backend.get_vocab()
    marks = [token for token in vocabulary if token in SPECIALS or _is_mark(token)]
    cut = backend.pre_tokenizer.pre_tokenize_str
    return sorted(vocabulary[token] for token in marks if [piece for piece, _ in cut(token)] != [token])


def _is_mark(symbol: str) -> bool:
    """Whether a symbol is no text, such as <pad>."""
    return symbol in _UNKNOWNS or _MARK.fullmatch(symbol) is not None


def _cut(pattern: str) -> pre_tokenizers.Split:
    """What parts a text into all that a pattern matches."""
    return pre_tokenizers.Split(tokenizers.Regex(pattern), behavior="removed", invert=True)


def _of_tokens(
    tokens: Sequence[str], unit: Unit, cut: pre_tokenizers.Split, unknown: str
) -> tokenizers.Tokenizer:
    """The tokenizer of characters or words."""
    vocabulary = {token: i for i, token in enumerate(tokens)}
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = cut
    if unit == "char":
        backend.decoder = decoders.Fuse()
    return backend


def unit_of(file: dict[str, Any]) -> Unit | None:
    """The unit of a tokenizer.json, known by its pattern; None if it does not work as those of `learn` do."""
    unit: Unit
    match file:
        case {
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Removed",
                "invert": True,
            },
            "model": {"type": "WordLevel", "vocab": dict(vocabulary), "unk_token": unknown},
        } if unknown in _UNKNOWNS:
            unit = "char" if pattern == _CHAR else "word"
        case {
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": dict(vocabulary),
            },
        }:
            unit = "bpe"
        case _:
            return None
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        return None
    plain = vocabulary.keys() - set(SPECIALS)
    if unit == "char" and any(len(token) != 1 and not _is_mark(token) for token in plain):
        return None
    if unit == "bpe" and not (
        plain >= BYTE_OF.keys() and all(BYTE_OF.keys() >= set(token) for token in plain)
    ):
        return None
    return unit


def code_points(text: str) -> Array:
    """The code points of a text: uint32 array."""
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))


def _byte_letters() -> dict[str, int]:
    """The letters in which GPT-2 writes bytes (Radford et al. 2019), as the format does.

    A byte that Latin-1 prints is that letter; the others, in order, are those from U+0100 on.
    """
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    letters = {chr(byte): byte for byte in printed}
    return letters | {chr(0x100 + i): byte for i, byte in enumerate(others)}


BYTE_OF = _byte_letters()


def _count_characters(text: Iterable[str]) -> dict[str, int]:
    counts = np.zeros(0x110000, np.int64)
    for block in text:
        found = np.bincount(code_points(block))
        counts[: len(found)] += found
    return {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}


def _count_words(text: Iterable[str], cut: pre_tokenizers.Split) -> Counter[str]:
    return Counter(word for block in text for word, _ in cut.pre_tokenize_str(block))


def _learn_bpe(text: Iterator[str], vocab_size: int) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(BYTE_OF),
        show_progress=False,
    )
    read = 0

    def measured() -> Iterator[str]:
        nonlocal read
        for block in text:
            read += len(block)
            yield block

    _interruptibly(lambda: backend.train_from_iterator(measured(), trainer))
    if not read:
        raise TextError("the text has 0 characters; expected at least 1. Give another text.")
    file = json.loads(backend.to_str())
    file["added_tokens"] = []
    return tokenizers.Tokenizer.from_str(json.dumps(file))


def _interruptibly(work: Callable[[], object]) -> None:
    """Do what takes minutes outside of Python in a thread of its own, so that Ctrl-C is answered meanwhile."""
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
            done.set_exception(error)

    Thread(target=run, daemon=True).start()  # one that is no longer waited for must not keep the process
    while not wait([done], timeout=0.2).done:  # a wait without end would not hear the signal
        pass
    done.result()
