"""A text as sentences, each an example of its own: where they end, and how they are batched."""

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from throughtime.data.batch import Batch, Ids
from throughtime.data.tokenizer import END_ID, START_ID
from throughtime.errors import ArgumentError, TextError
from throughtime.targets import IGNORED

# Lines shorter than this are not the work of a program that wraps text.
_NARROWEST_WRAP = 40

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
# An end mark, what closes with it, and white space; the marks of Chinese and Japanese need no space.
_END = re.compile(r"""(?:[.!?…]+["'”’»)\]*_]*\s+|[。！？]+[”’」』）]*\s*)""")
_NOT_AN_END = re.compile(
    r"""(?:^|[\s("'“‘«\[])          # a word of its own, namely
        (?:[^\W\d_]                 # an initial: J. Smith
        |(?:[^\W\d_]\.)+[^\W\d_]    # e.g. U.S. p.m.
        |Mr|Mrs|Ms|Dr|Prof|St|vs|cf|Fig|No|Vol|pp|TS|ThS|PGS|GS|TP)
        \.\s+$""",
    re.VERBOSE,
)
_NUMBERED = re.compile(r"[\W_]*\d+\.\s+")  # '2. The second': the number belongs to what follows
_LETTER = re.compile(r"[^\W_]")


def split_sentences(text: str) -> list[str]:
    r"""Split a text into sentences, by rule.

    A sentence ends
    - at a blank line;
    - at a line break, unless a program wrapped the line there: then the next line's first word would not have fitted
      within the paragraph's longest line, which has at least 40 characters. So a list of names, verse, program
      text and a table's rules stand a line each, and wrapped prose is put together again;
    - after `. ! ? …` and white space, unless a lower-case letter follows, or the mark belongs to an initial, a common
      abbreviation, or a number that opens the sentence; after `。！？` always.

    White space within a sentence becomes single spaces. Nothing else is lost: the sentences hold every other
    character of the text, in order. (Unicode's own rule, UAX #29, breaks at every line feed and after `Dr.`)

    Examples
    --------
    >>> split_sentences('Dr. No left. "Why?" she asked. He\nwas 3.5 m tall!\n\nThe end')
    ['Dr. No left.', '"Why?" she asked.', 'He', 'was 3.5 m tall!', 'The end']
    """
    sentences: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        for line in _unwrapped(paragraph):
            sentences += _ended(line)
    return sentences


def _unwrapped(paragraph: str) -> Iterator[str]:
    """The paragraph's lines, those that were wrapped put together again."""
    lines = [line.rstrip() for line in paragraph.splitlines() if line.strip()]
    width = max(map(len, lines), default=0)
    begun: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        begun.append(line)
        first_word = following.split(maxsplit=1)[0] if following else ""
        wrapped = width >= _NARROWEST_WRAP and len(line) + 1 + len(first_word) > width
        if not (wrapped and _LETTER.search(line) and _LETTER.search(following)):
            yield " ".join(" ".join(begun).split())
            begun = []


def _ended(line: str) -> Iterator[str]:
    """The sentences of one line of single-spaced text."""
    begin = 0
    for end in _END.finditer(line):
        so_far = line[begin : end.end()]
        letter = _LETTER.search(line, end.end())
        goes_on = letter is not None and letter.group().islower()
        if goes_on or _NOT_AN_END.search(so_far) or _NUMBERED.fullmatch(so_far):
            continue
        yield so_far.rstrip()
        begin = end.end()
    if line[begin:]:
        yield line[begin:]


class SentenceBatches:
    """Sentences of similar lengths side by side, each with its start and its end, padded and masked.

    A sentence of n tokens is n+1 predictions: `<s> w1 ... wn` is read, `w1 ... wn </s>` is to be predicted. Shorter
    sentences are padded with `</s>` to read and -100 to predict; `lengths` says where. Every batch is fresh.

    An epoch shows each sentence once. The sentences are shuffled, sorted by length, cut into batches, and the batches
    shuffled, all from the seed and the epoch's number alone: any epoch can be had again without those before it.

    Parameters
    ----------
    sentences_ids : sequence of integer arrays (n,)
        The sentences' tokens, without start and end.
    batch_size : int
        B. The longest sentences' batch has fewer where B does not divide the number of sentences.
    seed : int or None
        None: no shuffling, shortest sentences first, as evaluation wants it.
    start_id, end_id : int
        The tokenizer's.

    Raises
    ------
    ArgumentError
        `batch_size` below 1, or `seed` negative.
    TextError
        No sentences.

    Examples
    --------
    >>> (batch,) = SentenceBatches([[7, 8, 9], [5]], batch_size=2, seed=None)
    >>> batch.inputs.T.tolist(), batch.targets.T.tolist(), batch.lengths.tolist()
    ([[1, 5, 2, 2], [1, 7, 8, 9]], [[5, 2, -100, -100], [7, 8, 9, 2]], [2, 4])
    """

    def __init__(
        self,
        sentences_ids: Sequence[ArrayLike],
        batch_size: int,
        seed: int | None,
        *,
        start_id: int = START_ID,
        end_id: int = END_ID,
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(
                f"batch_size is {batch_size}; expected at least 1. Give 1 for the article's SGD."
            )
        if seed is not None and seed < 0:
            raise ArgumentError(f"seed is {seed}; expected at least 0. Give None for no shuffling.")
        if len(sentences_ids) == 0:
            raise TextError("the text has 0 sentences; expected at least 1. Give a longer text.")
        self._sentences: list[Ids] = [np.asarray(ids, np.int32) for ids in sentences_ids]
        self._sizes = np.array([len(ids) for ids in self._sentences])
        self.batch_size = batch_size
        self.seed = seed
        self.start_id = start_id
        self.end_id = end_id
        self.tokens = int(self._sizes.sum()) + len(self._sizes)  # predictions in one epoch

    def __len__(self) -> int:
        return math.ceil(len(self._sentences) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 0."""
        order = np.arange(len(self._sentences))
        batches = np.arange(len(self))
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, number])
            rng.shuffle(order)
            rng.shuffle(batches)
        order = order[np.argsort(self._sizes[order], kind="stable")]  # equal lengths stay shuffled
        return (self._batch(order[i * self.batch_size : (i + 1) * self.batch_size]) for i in batches)

    def _batch(self, chosen: np.ndarray) -> Batch:
        lengths = self._sizes[chosen] + 1
        T, B = int(lengths.max()), len(chosen)
        inputs = np.full((T, B), self.end_id, np.int32)
        targets = np.full((T, B), IGNORED, np.int32)
        inputs[0] = self.start_id
        for b, sentence in enumerate(chosen):
            n = lengths[b] - 1
            inputs[1 : n + 1, b] = targets[:n, b] = self._sentences[sentence]
            targets[n, b] = self.end_id
        return Batch(inputs, targets, lengths.astype(np.int64), fresh=True)
