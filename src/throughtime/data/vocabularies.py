"""What a token is: for each unit, how a vocabulary is taken from a text, and what its tokenizer.json looks like."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any, Literal, TypeAlias, get_args

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
UNKNOWNS = (UNKNOWN, "<UNK>", "[UNK]", "<unknown>", "UNK")
# A symbol among characters that none of them is: <pad>, [MASK].
_MARK = re.compile(r"<.+>|\[.+\]")

# One byte is one token at least, so that no text is ever unknown.
LEAST_BPE = len(SPECIALS) + 256
DEFAULT_BPE = 8000

EDGES: dict[Unit, Edge] = {"char": between_characters, "word": between_words, "bpe": between_words}

# What makes one token. A word keeps its inner apostrophes and hyphens, a number its points and commas; anything else
# that is not white space stands alone, an emoji with all that belongs to it (\X, a grapheme cluster).
CHAR = r"[\s\S]"
WORD = r"\w+(?:['’‐‑-]\w+|(?<=\d)[.,](?=\d)\w+)*|(?!\s)\X"
# What others have cut at white space.
SPACED = r"\S+"


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
    ArgumentError
        `unit` unknown, or `vocab_size` leaves no room beside the special tokens, for bpe and the 256 bytes.
    TextError
        The text has no token, or is not Unicode.
    """
    _require_room(unit, vocab_size)
    text = composed(recut(blocks, EDGES[unit]))
    if unit == "bpe":
        return _learn_bpe(text, vocab_size or DEFAULT_BPE)
    cut = cut_by(CHAR if unit == "char" else WORD)
    count = _count_characters(text) if unit == "char" else _count_words(text, cut)
    if not count:
        raise TextError(f"the text has 0 {unit}s; expected at least 1. Give another text.")
    ranked = sorted(count, key=lambda token: (-count[token], token))
    kept = ranked if vocab_size is None else ranked[: vocab_size - len(SPECIALS)]
    return of_tokens([*SPECIALS, *kept], unit, cut, UNKNOWN)


def _require_room(unit: Unit, vocab_size: int | None) -> None:
    if unit not in get_args(Unit):
        raise ArgumentError(f"unit is {unit!r}; expected 'char', 'word' or 'bpe'. Give one of these.")
    if unit == "bpe" and vocab_size is not None and vocab_size < LEAST_BPE:
        raise ArgumentError(
            f"vocab_size is {vocab_size}; expected at least {LEAST_BPE}, as {', '.join(SPECIALS)} and the 256 bytes "
            f"are among the tokens. Give a larger one, or None for {DEFAULT_BPE}."
        )
    if vocab_size is not None and vocab_size <= len(SPECIALS):
        raise ArgumentError(
            f"vocab_size is {vocab_size}; expected at least {len(SPECIALS) + 1}, as {', '.join(SPECIALS)} are "
            "among the tokens. Give a larger one, or None for every token of the text."
        )


def given_by_no_text(backend: tokenizers.Tokenizer) -> list[int]:
    """Ids of the marks among characters or words that a text cannot spell out, in order."""
    vocabulary = backend.get_vocab()
    marks = filter(is_mark, vocabulary)
    cut = backend.pre_tokenizer.pre_tokenize_str
    return sorted(vocabulary[token] for token in marks if [piece for piece, _ in cut(token)] != [token])


def is_mark(symbol: str) -> bool:
    """Whether a symbol is no text, such as <pad>."""
    return symbol in UNKNOWNS or _MARK.fullmatch(symbol) is not None


def cut_by(pattern: str) -> pre_tokenizers.Split:
    """What parts a text into all that a pattern matches."""
    return pre_tokenizers.Split(tokenizers.Regex(pattern), behavior="removed", invert=True)


def of_tokens(
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
        } if unknown in UNKNOWNS:
            unit = "char" if pattern == CHAR else "word"
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
    if unit == "char" and any(len(token) != 1 and not is_mark(token) for token in plain):
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
