"""Text as token ids, and back, kept in the tokenizer.json format of Hugging Face `tokenizers`."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import ArrayLike

from throughtime.data.batch import Ids
from throughtime.data.blocks import composed, recut, sliced
from throughtime.data.corpus import Corpus
from throughtime.data.joining import TextStream
from throughtime.data.progress import OnProgress
from throughtime.data.symbols import of_symbols
from throughtime.data.tokenizer_file import read_tokenizer
from throughtime.data.vocabularies import (
    BYTE_OF,
    EDGES,
    END,
    SPECIALS,
    START,
    UNKNOWN,
    Unit,
    code_points,
    given_by_no_text,
    learn,
)
from throughtime.errors import DtypeError, ShapeError, TokenError
from throughtime.machine.arrays import Array
from throughtime.storage import write_whole

# So many characters are cut into words together, on all processors; more would only take memory.
_AT_ONCE = 1 << 18
# So many ids are looked at together.
_IDS = 1 << 16


class Tokenizer:
    """A vocabulary, and the way between text and token ids.

    `Tokenizer.train` makes one from a text, `Tokenizer.of` from a vocabulary, and `Tokenizer.load` reads one back. Text is
    brought into Unicode's composed form (NFC) first, so that Vietnamese is the same however it was typed.

    Attributes
    ----------
    unit : "char", "word" or "bpe"
        What a token is: a code point; a word or single mark; or a sequence of bytes that occurs often, from single
        ones up to words (byte-level byte-pair encoding, Sennrich et al. 2016, Radford et al. 2019), so that no text
        is ever unknown.
    tokens : tuple of str
        Token of each id: of a trained one first the special ones, then by falling frequency in the text, ties in
        code-point order. For bpe the single bytes and then the pairs in the order they were merged, all in GPT-2's
        letters for bytes, of which a space is `Ġ`.
    vocab_size : int
        V, the special tokens included.
    unknown_id, start_id, end_id : int
        Ids of `<unk>`, `<s>` and `</s>`. `encode` gives only the first of them, and for bpe none; the others are for
        `SentenceBatches`. A vocabulary from elsewhere may lack any of them, which is then -1.
    special_ids : tuple of int
        Those of them that there are, and of marks such as `<pad>` that no text gives: what is not to be generated.

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
        unknown = UNKNOWN if unit == "bpe" else backend.model.unk_token
        self.unknown_id, self.start_id, self.end_id = (
            vocabulary.get(token, -1) for token in (unknown, START, END)
        )
        known = {i for i in (self.unknown_id, self.start_id, self.end_id) if i >= 0}
        marks = [] if unit == "bpe" else given_by_no_text(backend)
        self.special_ids: tuple[int, ...] = tuple(sorted(known.union(marks)))
        if unit == "char":
            # One entry a code point, and a last one for all that lie beyond. `tokenizers` itself would give the same
            # ids thirty times slower, at some hundred bytes a token.
            codes = [ord(token) for token in vocabulary if len(token) == 1]
            self._id_of_code = np.full(max(codes, default=0) + 2, self.unknown_id, np.int32)
            self._id_of_code[codes] = [vocabulary[chr(code)] for code in codes]

    @classmethod
    def train(
        cls,
        text: str | Corpus,
        unit: Unit = "char",
        vocab_size: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> "Tokenizer":
        """Take the vocabulary from a text.

        Parameters
        ----------
        text : str or Corpus
            The text. A corpus is read block by block; what is counted in memory is its different tokens.
        unit : "char", "word" or "bpe"
            What a token is.
        vocab_size : int, optional
            At most so many tokens, the three special ones included: the most frequent. None: all; for bpe 8000.
        on_progress : callable, optional
            Called with a `Progress` at most ten times a second.

        Raises
        ------
        ArgumentError
            `unit` unknown, or `vocab_size` leaves no room beside the special tokens, for bpe and the 256 bytes.
        TextError
            The text is empty (for words: all white space), or not Unicode.
        """
        blocks = (
            sliced(text) if isinstance(text, str) else text.blocks("learning the vocabulary", on_progress)
        )
        return cls(learn(blocks, unit, vocab_size), unit)

    @classmethod
    def of(cls, tokens: Sequence[str], unit: Unit | None = None) -> "Tokenizer":
        r"""Take a vocabulary as it is, such as that of a model from elsewhere.

        Parameters
        ----------
        tokens : sequence of str
            The token of each id, here in NFC. Among characters there may be marks such as `<pad>`, which no text gives.
            `<unk>`, `<UNK>`, `[UNK]`, `<unknown>` or `UNK` stands for what is unknown; without one of them a text may
            have nothing unknown.
        unit : "char" or "word", optional
            By default char, if every token is one character or a mark. Words are cut as `train` cuts them, or at white
            space if not all of these would come out whole. A line feed among them is a word of its own.

        Raises
        ------
        ArgumentError
            A token is empty or stands twice, has white space within, is no Unicode, or is too long for a character.

        Examples
        --------
        >>> tokenizer = Tokenizer.of(["the", "cat", "n't", "\n", "<unk>"])
        >>> tokenizer.encode("the dog\n").tolist()
        [0, 4, 3]
        """
        return cls(*of_symbols(list(tokens), unit))

    @property
    def vocab_size(self) -> int:
        """V, the number of tokens, the special ones included."""
        return len(self.tokens)

    def __len__(self) -> int:
        return self.vocab_size

    def __repr__(self) -> str:
        return f"<Tokenizer of {self.vocab_size:,} tokens, unit {self.unit!r}>"

    def encode(self, text: str) -> Ids:
        """Token ids of a text: int32 array (N,). What is not in the vocabulary becomes `unknown_id`.

        Raises
        ------
        TextError
            The text has half a surrogate pair: it was not decoded from UTF-8.
        TokenError
            Something is not in the vocabulary, which has no token for that.
        """
        return np.concatenate([np.zeros(0, np.int32), *self.encode_blocks(sliced(text))])

    def encode_blocks(self, blocks: Iterable[str]) -> Iterator[Ids]:
        """Token ids of a text that comes in blocks, cut anywhere: put together, they are what `encode` gives.

        Raises
        ------
        TextError
            As `encode`.
        """
        return self._encode_pieces(composed(recut(blocks, EDGES[self.unit])))

    def encode_each(self, texts: Iterable[str]) -> Iterator[Ids]:
        """What `encode` gives for each of many short texts, faster.

        Raises
        ------
        TextError
            As `encode`.
        """
        return self._encode_pieces(composed(texts))

    def decode(self, ids: ArrayLike) -> str:
        """The text of token ids (N,).

        Characters stand as they were: `decode(encode(text))` is the text in NFC if its characters are all known, and
        for bpe always. Bytes that are no UTF-8 are shown as U+FFFD. Words are joined as `TextStream` says, which also
        gives the text token by token.

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
        return "".join(map(stream.push, array.tolist())) + stream.finish()

    def count_unknown(self, ids: ArrayLike) -> int:
        """How many of the ids are `unknown_id`."""
        array = np.asarray(ids)
        return sum(
            int(np.count_nonzero(array[i : i + _IDS] == self.unknown_id)) for i in range(0, len(array), _IDS)
        )

    def count_characters(self, ids: ArrayLike) -> int:
        """How many characters the text of the ids has, sentence marks aside: `len(decode(ids))`, faster."""
        array = np.asarray(ids)
        chunks = (array[i : i + _IDS] for i in range(0, len(array), _IDS))
        if self.unit == "word":
            stream = TextStream(self)
            return sum(len(stream.push(token_id)) for chunk in chunks for token_id in chunk.tolist())
        return sum(int(self._characters[chunk].sum()) for chunk in chunks)

    @cached_property
    def bytes_of(self) -> tuple[bytes, ...]:
        """For bpe, the bytes of each token; the special ones have none."""
        return tuple(
            b"" if token in SPECIALS else bytes(BYTE_OF[letter] for letter in token) for token in self.tokens
        )

    @cached_property
    def _characters(self) -> Array:
        """How many characters begin in each token: int64 array (V,)."""
        if self.unit == "bpe":
            # Of UTF-8's bytes for one character all but the first are 10xxxxxx.
            begins = [sum(byte & 0xC0 != 0x80 for byte in content) for content in self.bytes_of]
        else:
            begins = [1 if i == self.unknown_id else len(token) for i, token in enumerate(self.tokens)]
        counts = np.array(begins, np.int64)
        counts[[i for i in (self.start_id, self.end_id) if i >= 0]] = 0
        return counts

    def _encode_pieces(self, texts: Iterator[str]) -> Iterator[Ids]:
        """The ids of each text, all of them composed."""
        if self.unit == "char":
            for text in texts:
                ids = self._id_of_code[np.minimum(code_points(text), len(self._id_of_code) - 1)]
                if self.unknown_id < 0 and ids.size and ids.min() < 0:
                    raise self._lacks(text)
                yield ids
            return
        for batch in _batches(texts):
            try:
                encodings = self._backend.encode_batch_fast(batch, add_special_tokens=False)
            except Exception:  # `tokenizers` raises Exception itself
                if self.unit == "word" and self.unknown_id < 0:
                    raise self._lacks(*batch) from None
                raise
            for encoded in encodings:
                yield np.array(encoded.ids, np.int32)

    def _lacks(self, *texts: str) -> TokenError:
        """What to raise where texts have tokens that the vocabulary has not, nor one for them."""
        known = set(self.tokens)
        pieces = (piece for text in texts for piece, _ in self._backend.pre_tokenizer.pre_tokenize_str(text))
        unknown = list(dict.fromkeys(piece for piece in pieces if piece not in known))
        shown = ", ".join(map(repr, unknown[:5])) + (
            f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        )
        return TokenError(
            f"the text has {shown}, which the vocabulary lacks; expected its {self.vocab_size} tokens alone, as none of them "
            f"stands for what is unknown. Leave out what it lacks, or use a vocabulary with {UNKNOWN}."
        )

    def to_json(self) -> str:
        """The content of its file: the same for the same tokenizer."""
        return self._backend.to_str(pretty=True) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, by convention `tokenizer.json`; it appears whole or not at all, even if the power fails."""
        write_whole(Path(path), self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Tokenizer":
        """Read what `save` wrote.

        Raises
        ------
        RunError
            The file is missing, unreadable, damaged, or a tokenizer of another kind.
        """
        return cls(*read_tokenizer(path))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in lists of some size."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= _AT_ONCE:
            yield batch
            batch, characters = [], 0
    yield batch
