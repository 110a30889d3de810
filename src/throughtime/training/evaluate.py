"""How well a model predicts a text."""

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from throughtime.data.batch import Ids
from throughtime.data.corpus import Corpus
from throughtime.data.sentences import SentenceBatches, split_sentences
from throughtime.data.streams import StreamBatches
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError, TextError, TokenError
from throughtime.machine.buffers import Buffers
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.networks.validation import require_count

By: TypeAlias = Literal["stream", "sentence"]

# A stream reads its first tokens without a past, which costs a few nats: over so many tokens, less than 0.2%.
_TOKENS_PER_STREAM = 2000
_STREAMS, _SENTENCES = 32, 32
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's score on a text.

    Attributes
    ----------
    loss : float
        Nats per token.
    perplexity : float
        e to the loss.
    tokens : int
        How many predictions were scored.
    unknown : int
        How many of the text's tokens are not in the vocabulary.
    bits_per_char : float or None
        None where not every character is scored: words or characters that the vocabulary lacks.
    """

    loss: float
    perplexity: float
    tokens: int
    unknown: int
    bits_per_char: float | None


def evaluate(
    model: LanguageModel,
    tokenizer: Tokenizer | None,
    text: Corpus | str | Any,
    by: By = "stream",
    batch_size: int | None = None,
) -> Evaluation:
    """Score a model on a text: teacher-forced, without dropout.

    Parameters
    ----------
    model : LanguageModel
    tokenizer : Tokenizer or None
        The model's own; None where `text` is token ids.
    text : Corpus, str, or integer array (N,)
        A str is the text itself.
    by : "stream" or "sentence"
        As the model was trained: one stream whose state is carried, or each sentence from its own start to its end.
    batch_size : int, optional
        How many streams or sentences side by side. By default as many streams, up to 32, as leave each 2000 tokens.

    Raises
    ------
    TextError, TokenError, ArgumentError
        The text is too short, holds ids that the model lacks, or the tokenizer is not the model's.

    Examples
    --------
    >>> import throughtime as tt
    >>> tokenizer = tt.Tokenizer.train("to be or not to be")
    >>> model = tt.LanguageModel(tokenizer.vocab_size, 8, init="article", seed=0)
    >>> score = tt.evaluate(model, tokenizer, "not to be")
    >>> score.tokens, round(score.perplexity)
    (8, 10)
    """
    require_tokenizer(model, tokenizer)
    scored = ScoredText(text_parts(text, tokenizer, by), tokenizer, by, batch_size)
    scored.require_vocabulary(model)
    return scored.score(model, Buffers())


class ScoredText:
    """A text cut into batches once, to be scored as often as wanted.

    Parameters
    ----------
    parts : list of integer arrays (N,)
        The text's tokens: one array by stream, one for each sentence.
    tokenizer : Tokenizer or None
    by, batch_size : as `evaluate` has them

    Attributes
    ----------
    tokens, unknown : int
        As in `Evaluation`.
    characters : int or None
        How many characters the predictions spell out; None where some stay unknown.
    """

    def __init__(
        self,
        parts: list[Ids],
        tokenizer: Tokenizer | None,
        by: By,
        batch_size: int | None = None,
        name: str = "the text",
    ) -> None:
        if batch_size is not None:
            require_count("batch_size", batch_size)
        self._parts = parts
        self.batches: StreamBatches | SentenceBatches
        if by == "sentence":
            self.batches = SentenceBatches(parts, batch_size or _SENTENCES, seed=None)
        else:
            (ids,) = parts
            if len(ids) < 2:
                raise TextError(
                    f"{name} has {len(ids)} tokens; expected at least 2, to predict one from the other. "
                    "Give a longer text."
                )
            streams = batch_size or max(1, min(_STREAMS, len(ids) // _TOKENS_PER_STREAM))
            self.batches = StreamBatches(ids, streams, _STEPS, name=name)
        self.tokens = self.batches.tokens
        self.unknown = 0 if tokenizer is None else sum(map(tokenizer.count_unknown, self._parts))
        self.characters = self._count_characters(tokenizer, by)

    def score(self, model: LanguageModel, buffers: Buffers) -> Evaluation:
        """Run the model over all batches."""
        nats, tokens = 0.0, 0
        state: State | None = None
        for batch in self.batches:
            found, count, state = model.evaluate_loss(
                batch.inputs,
                batch.targets,
                buffers=buffers,
                state=None if batch.fresh else state,
                lengths=batch.lengths,
            )
            nats += found
            tokens += count
        loss = nats / tokens
        bits = None if self.characters is None else nats / math.log(2) / self.characters
        return Evaluation(loss, perplexity(loss), tokens, self.unknown, bits)

    def require_vocabulary(self, model: LanguageModel) -> None:
        """Raise TokenError if an id lies outside the model's vocabulary."""
        for ids in self._parts:
            require_ids(ids, model.vocab_size)

    def _count_characters(self, tokenizer: Tokenizer | None, by: By) -> int | None:
        if tokenizer is None or self.unknown:
            return None
        first = 0 if by == "sentence" else 1  # a stream's first token is given, not predicted
        return sum(len(tokenizer.decode(ids[first:])) for ids in self._parts) or None


def perplexity(loss: float) -> float:
    """e to the loss, infinite where that is beyond all floats."""
    return math.exp(loss) if loss < 709 else math.inf if loss == loss else math.nan


def text_parts(text: Corpus | str | Any, tokenizer: Tokenizer | None, by: By) -> list[Ids]:
    """The tokens of a text: one array by stream, one for each sentence.

    Raises
    ------
    ArgumentError
        `by` is unknown, or text comes without a tokenizer, or ids are to be cut into sentences.
    TokenError, ShapeError, DtypeError
        An array that is none of token ids.
    """
    require_by(by)
    if isinstance(text, Corpus | str):
        if tokenizer is None:
            raise ArgumentError(
                "text found without a tokenizer; expected one to encode it. "
                "Pass tokenizer=Tokenizer.train(text), or an array of token ids."
            )
        text = text.text if isinstance(text, Corpus) else text
        if by == "sentence":
            return [tokenizer.encode(sentence) for sentence in split_sentences(text)]
        return [tokenizer.encode(text)]
    ids = np.asarray(text)
    if by == "sentence":
        raise ArgumentError(
            "an array of token ids found with by='sentence'; expected text, in which sentences can be told apart. "
            "Pass the text and its tokenizer, or by='stream'."
        )
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise ArgumentError(
            f"an array of shape {ids.shape} and dtype {ids.dtype} found; expected text, or token ids (N,) of int. "
            "Pass a str, a Corpus, or ids.ravel()."
        )
    if ids.size and int(ids.max()) > np.iinfo(np.int32).max:
        raise TokenError(f"token id {ids.max()} found; expected int32. Encode the text with a tokenizer.")
    return [ids.astype(np.int32, copy=False)]


def require_by(by: str) -> None:
    """Raise ArgumentError unless `by` is known."""
    if by not in get_args(By):
        raise ArgumentError(
            f"by={by!r} found; expected 'stream' or 'sentence'. Use stream to carry the state through the text."
        )


def require_ids(ids: Ids, vocab_size: int) -> None:
    """Raise TokenError if an id lies outside [0, vocab_size)."""
    outside = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if outside.size:
        n = outside[0]
        raise TokenError(
            f"token {n} is {ids[n]}; expected an id from 0 to {vocab_size - 1}. "
            "Encode the text with the model's own tokenizer, or make the model larger."
        )


def require_tokenizer(model: LanguageModel, tokenizer: Tokenizer | None) -> None:
    """Raise ArgumentError if the tokenizer cannot be the model's."""
    if tokenizer is not None and not isinstance(tokenizer, Tokenizer):
        raise ArgumentError(
            f"tokenizer {tokenizer!r} found; expected a Tokenizer. Pass one such as Tokenizer.train(text)."
        )
    if tokenizer is not None and tokenizer.vocab_size != model.vocab_size:
        raise ArgumentError(
            f"the tokenizer has {tokenizer.vocab_size} tokens; expected {model.vocab_size}, the model's vocab_size. "
            "Make the model with vocab_size=tokenizer.vocab_size."
        )
