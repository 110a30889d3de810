"""What the replay stands on: a text as sentences of words, one of them to look at, and the article's network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from throughtime.article import RNN
from throughtime.data.batch import Ids
from throughtime.data.sentences import split_sentences
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError, TextError

# The article speaks of sentences of 20 words, and so do the pictures; longer ones than LONGEST would not fit them.
USUAL, LONGEST = 20, 40

Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Setting:
    """A text's words and sentences, and the sizes and seed of the networks that read them.

    Attributes
    ----------
    tokenizer : Tokenizer
        Of words.
    sentences : list of (x, y)
        In the text's order. x begins with the sentence's start, y is x moved on by one word and ends with its end.
    chosen : int
        Which sentence is looked at closely.
    hidden_size, seed : int
        Of the networks.
    """

    tokenizer: Tokenizer
    sentences: list[Pair]
    chosen: int
    hidden_size: int
    seed: int

    @property
    def V(self) -> int:
        """Number of words in the vocabulary."""
        return self.tokenizer.vocab_size

    @property
    def H(self) -> int:
        """Number of hidden units."""
        return self.hidden_size

    @property
    def x(self) -> list[int]:
        """Words that the network reads."""
        return self.sentences[self.chosen][0]

    @property
    def y(self) -> list[int]:
        """Words that it is to predict."""
        return self.sentences[self.chosen][1]

    @property
    def T(self) -> int:
        """Steps of the sentence."""
        return len(self.x)

    @cached_property
    def words(self) -> list[str]:
        """The sentence spelled out, with its start and its end: T + 1 words."""
        return [self.tokenizer.tokens[word] for word in [*self.x, self.y[-1]]]

    def network(self, tau: int | None = None) -> RNN:
        """The article's network at its start: the same at every call, but for tau."""
        return RNN(self.V, self.H, bptt_truncate=tau, seed=self.seed)

    def long_sentences(self, number: int) -> list[Pair]:
        """Up to `number` sentences of 20 steps or more, in the text's order; the longest one if there is none."""
        long = [pair for pair in self.sentences if len(pair[0]) >= USUAL]
        return long[:number] or [max(self.sentences, key=lambda pair: len(pair[0]))]


def prepare(text: str, vocab_size: int, hidden_size: int, seed: int) -> Setting:
    """Cut a text into sentences of words and choose the one to look at.

    Sentences of more than 40 words are left out; if there is no other, they are cut there.

    Raises
    ------
    ArgumentError
        If `hidden_size` is below 1 or `vocab_size` leaves no room for words.
    TextError
        If the text has no word.
    """
    if hidden_size < 1:
        raise ArgumentError(f"hidden_size is {hidden_size}; expected at least 1. The article takes 100.")
    tokenizer = Tokenizer.train(text, unit="word", vocab_size=vocab_size)
    sentences = [
        ids for ids in (tokenizer.encode(sentence) for sentence in split_sentences(text)) if len(ids)
    ]
    if not sentences:
        raise TextError("the text has 0 sentences; expected at least 1. Give another text.")
    short = [ids for ids in sentences if len(ids) < LONGEST] or [ids[: LONGEST - 1] for ids in sentences]
    chosen = choose(short, tokenizer)
    pairs = [([tokenizer.start_id, *ids.tolist()], [*ids.tolist(), tokenizer.end_id]) for ids in short]
    return Setting(tokenizer, pairs, chosen, hidden_size, seed)


def choose(sentences: Sequence[Ids], tokenizer: Tokenizer) -> int:
    """The sentence that shows most: all its words known, about 20 of them, one of them twice, few bare marks."""

    def faults(number: int) -> tuple[int, bool, bool, int, int]:
        ids = sentences[number].tolist()
        words = [tokenizer.tokens[word] for word in ids]
        marks = sum(not word.replace("-", "").isalpha() for word in words)
        off = abs(len(ids) + 1 - USUAL)
        return tokenizer.count_unknown(ids), off > 4, len(set(ids)) == len(ids), marks, off

    return min(range(len(sentences)), key=faults)
