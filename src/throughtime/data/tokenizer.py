"""Characters or words as token ids, kept in the tokenizer.json format of Hugging Face `tokenizers`."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import tokenizers
from numpy.typing import ArrayLike
from tokenizers import decoders, models, normalizers, pre_tokenizers

from throughtime.data.batch import Ids
from throughtime.data.joining import TextStream
from throughtime.errors import ArgumentError, DtypeError, RunError, ShapeError, TextError

Unit: TypeAlias = Literal["char", "word"]

# The special tokens are plain entries of the vocabulary, not `added_tokens`, which the format would look for in every
# text. So a text that spells out '<s>' gives '<', 's', '>': no piece that either pattern cuts is as long as a special.
UNKNOWN, START, END = SPECIALS = ("<unk>", "<s>", "</s>")
UNKNOWN_ID, START_ID, END_ID = range(3)

# What makes one token. A word keeps its inner apostrophes and hyphens, a number its points and commas; anything else
# that is not white space stands alone, an emoji with all that belongs to it (\X, a grapheme cluster).
_CHAR = r"[\s\S]"
_WORD = r"\w+(?:['’‐‑-]\w+|(?<=\d)[.,](?=\d)\w+)*|(?!\s)\X"

# Words are cut block by block, so that memory does not grow with the text; a block ends where white space begins.
_BLOCK = re.compile(r".{1,65536}\S*", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokenizer:
    """A vocabulary, and the way between text and token ids.

    `Tokenizer.train` makes one from a text and `Tokenizer.load` reads one back. Text is brought into Unicode's
    composed form (NFC) first, so that Vietnamese is the same however it was typed.

    Attributes
    ----------
    unit : "char" or "word"
        What a token is: a code point, or a word or single mark.
    tokens : tuple of str
        Token of each id: first the special ones, then by falling frequency in the text, ties in code-point order.
    vocab_size : int
        V, the special tokens included.
    unknown_id, start_id, end_id : int
        Ids of `<unk>`, `<s>` and `</s>`. `encode` gives only the first of them; the others are for `SentenceBatches`.

    Examples
    --------
    >>> tokenizer = Tokenizer.train("to be, or not to be", unit="word")
    >>> tokenizer.tokens
    ('<unk>', '<s>', '</s>', 'be', 'to', ',', 'not', 'or')
    >>> ids = tokenizer.encode("not to think, to be")
    >>> ids.tolist(), tokenizer.count_unknown(ids)
    ([6, 4, 0, 5, 4, 3], 1)
    >>> tokenizer.decode(ids)
    'not to <unk>, to be'
    """

    def __init__(self, backend: tokenizers.Tokenizer, unit: Unit) -> None:
        self._backend = backend
        self.unit: Unit = unit
        vocabulary = backend.get_vocab()
        self.tokens: tuple[str, ...] = tuple(sorted(vocabulary, key=vocabulary.__getitem__))
        self.unknown_id, self.start_id, self.end_id = (vocabulary[token] for token in SPECIALS)
        if unit == "char":
            # One entry a code point, and a last one for all that lie beyond. `tokenizers` itself would give the same
            # ids thirty times slower, at some hundred bytes a token.
            codes = [ord(token) for token in vocabulary if token not in SPECIALS]
            self._id_of_code = np.full(max(codes, default=0) + 2, self.unknown_id, np.int32)
            self._id_of_code[codes] = [vocabulary[chr(code)] for code in codes]

    @classmethod
    def train(cls, text: str, unit: Unit = "char", vocab_size: int | None = None) -> "Tokenizer":
        """Take the vocabulary from a text.

        Parameters
        ----------
        text : str
            The text.
        unit : "char" or "word"
            What a token is.
        vocab_size : int, optional
            At most so many tokens, the three special ones included: the most frequent. None: all.

        Raises
        ------
        ArgumentError
            `unit` unknown, or `vocab_size` leaves no room beside the special tokens.
        TextError
            The text is empty (for words: all white space), or not Unicode.
        """
        if unit not in get_args(Unit):
            raise ArgumentError(f"unit is {unit!r}; expected 'char' or 'word'. Give one of these.")
        if vocab_size is not None and vocab_size <= len(SPECIALS):
            raise ArgumentError(
                f"vocab_size is {vocab_size}; expected at least {len(SPECIALS) + 1}, as {', '.join(SPECIALS)} are "
                "among the tokens. Give a larger one, or None for every token of the text."
            )
        text = _composed(text)
        cut = pre_tokenizers.Split(
            tokenizers.Regex(_CHAR if unit == "char" else _WORD), behavior="removed", invert=True
        )
        if unit == "char":
            count = Counter(text)
        else:
            count = Counter(word for block in _blocks(text) for word, _ in cut.pre_tokenize_str(block))
        if not count:
            raise TextError(f"the text has 0 {unit}s; expected at least 1. Give another text.")
        ranked = sorted(count, key=lambda token: (-count[token], token))
        kept = ranked if vocab_size is None else ranked[: vocab_size - len(SPECIALS)]
        vocabulary = {token: i for i, token in enumerate([*SPECIALS, *kept])}
        backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
        backend.normalizer = normalizers.NFC()
        backend.pre_tokenizer = cut
        if unit == "char":
            backend.decoder = decoders.Fuse()
        return cls(backend, unit)

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens, the special ones included."""
        return len(self.tokens)

    def encode(self, text: str) -> Ids:
        """Token ids of a text: int32 array (N,). What is not in the vocabulary becomes `unknown_id`.

        Raises
        ------
        TextError
            The text has half a surrogate pair: it was not decoded from UTF-8.
        """
        text = _composed(text)
        if self.unit == "char":
            codes = np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))
            return self._id_of_code[np.minimum(codes, len(self._id_of_code) - 1)]
        encoded = (self._backend.encode(block, add_special_tokens=False).ids for block in _blocks(text))
        return np.concatenate([np.zeros(0, np.int32), *(np.array(ids, np.int32) for ids in encoded)])

    def decode(self, ids: ArrayLike) -> str:
        """The text of token ids (N,).

        Characters stand as they were: `decode(encode(text))` is the text in NFC if its characters are all known.
        Words are joined as `TextStream` says, which also gives the text token by token.

        Raises
        ------
        TokenError
            An id outside the vocabulary.
        ShapeError, DtypeError
            `ids` is not one-dimensional, or not of integers.
        """
        array = np.asarray(ids)
        if array.ndim != 1:
            raise ShapeError(
                f"ids have shape {array.shape}; expected one dimension. Decode sequence by sequence."
            )
        if array.size and not np.issubdtype(array.dtype, np.integer):
            raise DtypeError(f"ids are of dtype {array.dtype}; expected integers. Pass token ids.")
        stream = TextStream(self)
        return "".join(stream.push(token_id) for token_id in array.tolist())

    def count_unknown(self, ids: ArrayLike) -> int:
        """How many of the ids are `unknown_id`."""
        return int(np.count_nonzero(np.asarray(ids) == self.unknown_id))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, by convention `tokenizer.json`; it appears whole or not at all."""
        path = Path(path)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_text(self._backend.to_str(pretty=True) + "\n", encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokenizer":
        """Read what `save` wrote.

        Raises
        ------
        RunError
            The file is missing, unreadable, damaged, or a tokenizer of another kind.
        """
        remedy = "Train again, or name a run directory that `throughtime train` wrote."
        try:
            content = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise RunError(f"{path} does not exist; expected a tokenizer.json. {remedy}") from None
        except IsADirectoryError:
            raise RunError(
                f"{path} is a directory; expected a tokenizer.json. Name the file in it."
            ) from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}); expected a tokenizer.json. {remedy}") from None
        try:
            backend = tokenizers.Tokenizer.from_str(content)
        except Exception as error:  # noqa: BLE001  # `tokenizers` raises Exception itself
            raise RunError(
                f"{path} is damaged ({' '.join(str(error).split())}); expected a tokenizer.json. {remedy}"
            ) from None
        unit = _unit(json.loads(content))
        if unit is None:
            raise RunError(f"{path} is another program's; expected a tokenizer.json of throughtime. {remedy}")
        return cls(backend, unit)


def _unit(file: dict[str, object]) -> Unit | None:
    """The unit of a tokenizer.json, known by its pattern; None if it does not work as those of `train` do."""
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
            "model": {"type": "WordLevel", "vocab": dict(vocabulary), "unk_token": "<unk>"},
        }:
            unit: Unit = "char" if pattern == _CHAR else "word"
        case _:
            return None
    if sorted(vocabulary.values()) != list(range(len(vocabulary))) or not vocabulary.keys() >= set(SPECIALS):
        return None
    if unit == "char" and any(len(token) != 1 for token in vocabulary.keys() - set(SPECIALS)):
        return None
    return unit


def _blocks(text: str) -> Iterator[str]:
    return (block.group() for block in _BLOCK.finditer(text))


def _composed(text: str) -> str:
    half = _SURROGATE.search(text)
    if half is not None:
        raise TextError(
            f"the text has half a surrogate pair, U+{ord(half.group()):04X}, at character {half.start()}; "
            "expected Unicode text. Decode it from UTF-8."
        )
    return unicodedata.normalize("NFC", text)
