"""How well a model predicts a text."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from throughtime.data.cache import encode_corpus
from throughtime.data.corpus import Corpus
from throughtime.data.progress import OnProgress
from throughtime.data.sentence_batches import SentenceBatches, Sentences
from throughtime.data.streams import StreamBatches
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import CHUNK, Tokens, bare_tokens
from throughtime.data.tokens import By as By
from throughtime.data.vocabularies import END, END_ID, START, START_ID
from throughtime.errors import ArgumentError, TextError, TokenError
from throughtime.machine.arrays import Array
from throughtime.machine.workspace import Workspace
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.networks.validation import require_count

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
        How many of these are of tokens that are not in the vocabulary.
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
    text: Corpus | str | Tokens | Any,
    by: By = "stream",
    batch_size: int | None = None,
    on_progress: OnProgress | None = None,
    threads: int = 1,
) -> Evaluation:
    """Score a model on a text: teacher-forced, without dropout.

    Parameters
    ----------
    model : LanguageModel
    tokenizer : Tokenizer or None
        The model's own; None where `text` is token ids.
    text : Corpus, str, or integer array (N,)
        A str is the text itself. A corpus of files may be larger than memory: its tokens are kept in a cache on disk.
    by : "stream" or "sentence"
        As the model was trained: one stream whose state is carried, or each sentence from its own start to its end.
    batch_size : int, optional
        How many streams or sentences side by side. By default as many streams, up to 32, as leave each 2000 tokens.
    on_progress : callable, optional
        Called with a `throughtime.data.progress.Progress` while a text is tokenised.
    threads : int
        Among how many threads the streams or sentences side by side are divided. The loss then differs by rounding, and
        is the same bits for the same number of threads.

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
    require_count("threads", threads)
    require_tokenizer(model, tokenizer)
    tokens = tokens_of(text, tokenizer, by, on_progress)
    require_ids(tokens.ids, model.vocab_size)
    scored = ScoredText(tokens.part, tokenizer, batch_size)
    return scored.score(model, Workspace(), threads=threads)


class ScoredText:
    """A text cut into batches once, to be scored as often as wanted.

    Parameters
    ----------
    part : integer array (N,), or Sentences
        The text's tokens.
    tokenizer : Tokenizer or None
    batch_size : as `evaluate` has it
    name : str
        What to call the text in an error message.

    Attributes
    ----------
    tokens, unknown : int
        As in `Evaluation`.
    characters : int or None
        How many characters the predictions spell out; None where some stay unknown.
    """

    def __init__(
        self,
        part: Array | Sentences,
        tokenizer: Tokenizer | None,
        batch_size: int | None = None,
        name: str = "the text",
    ) -> None:
        if batch_size is not None:
            require_count("batch_size", batch_size)
        self._part = part
        self.batches: StreamBatches | SentenceBatches
        if isinstance(part, Sentences):
            self._predicted = part.ids
            self.batches = SentenceBatches(part, batch_size or _SENTENCES, seed=None)
        else:
            self._predicted = part[1:]  # a stream's first token is given
            if len(part) < 2:
                raise TextError(
                    f"{name} has {len(part)} tokens; expected at least 2, to predict one from the other. "
                    "Give a longer text."
                )
            streams = batch_size or max(1, min(_STREAMS, len(part) // _TOKENS_PER_STREAM))
            self.batches = StreamBatches(part, streams, _STEPS, name=name)
        self.tokens = self.batches.tokens
        self.unknown = 0 if tokenizer is None else tokenizer.count_unknown(self._predicted)
        self.characters = self._count_characters(tokenizer)

    def score(
        self,
        model: LanguageModel,
        workspace: Workspace,
        obey: Callable[[], object] = lambda: None,
        threads: int = 1,
    ) -> Evaluation:
        """Run the model over all batches; `obey` is called between two, and may raise to end it."""
        nats, tokens = 0.0, 0
        state: State | None = None
        for batch in self.batches:
            obey()
            found, count, state = model.evaluate_loss(
                batch.inputs,
                batch.targets,
                workspace=workspace,
                state=None if batch.fresh else state,
                lengths=batch.lengths,
                threads=threads,
            )
            nats += found
            tokens += count
        loss = nats / tokens
        bits = None if self.characters is None else nats / math.log(2) / self.characters
        return Evaluation(loss, perplexity(loss), tokens, self.unknown, bits)

    def _count_characters(self, tokenizer: Tokenizer | None) -> int | None:
        if tokenizer is None or self.unknown:
            return None
        part = self._part
        if isinstance(part, Sentences) and tokenizer.unit == "word":
            # Words are joined within a sentence.
            return sum(map(tokenizer.count_characters, part)) or None
        return tokenizer.count_characters(self._predicted) or None


def perplexity(loss: float) -> float:
    """e to the loss, infinite where that is beyond all floats."""
    return math.exp(loss) if loss < 709 else math.inf if loss == loss else math.nan


def tokens_of(
    text: Corpus | str | Tokens | Any,
    tokenizer: Tokenizer | None,
    by: By,
    on_progress: OnProgress | None = None,
) -> Tokens:
    """The tokens of a text; those of files come from the cache.

    Raises
    ------
    ArgumentError
        `by` is unknown, or text comes without a tokenizer, or ids are to be cut into sentences, or text by a tokenizer
        that has no marks for them; or what was found is neither text nor token ids.
    TextError
        The text is empty, or its files have changed.
    """
    require_by(by)
    if isinstance(text, Tokens):
        if (text.offsets is None) != (by == "stream"):
            raise ArgumentError(
                f"by={by!r} found with the tokens of {text.name}, which were made otherwise; expected the same. "
                "Encode the text again."
            )
        return text
    if isinstance(text, Corpus | str):
        if tokenizer is None:
            raise ArgumentError(
                "text found without a tokenizer; expected one to encode it. "
                "Pass tokenizer=Tokenizer.train(text), or an array of token ids."
            )
        require_marks(tokenizer, by)
        corpus = text if isinstance(text, Corpus) else Corpus("the text", text)
        return encode_corpus(corpus, tokenizer, by, on_progress)
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
    return bare_tokens(ids, tokenizer)


def require_by(by: str) -> None:
    """Raise ArgumentError unless `by` is known."""
    if by not in get_args(By):
        raise ArgumentError(
            f"by={by!r} found; expected 'stream' or 'sentence'. Use stream to carry the state through the text."
        )


def require_marks(tokenizer: Tokenizer, by: By) -> None:
    """Raise ArgumentError unless a vocabulary has the marks that sentences are read with, where they are."""
    if by == "sentence" and (tokenizer.start_id, tokenizer.end_id) != (START_ID, END_ID):
        raise ArgumentError(
            f"by='sentence' found with a vocabulary that has not {START} and {END} as tokens {START_ID} and {END_ID}; expected "
            "them there. Use by='stream'."
        )


def require_ids(ids: Array, vocab_size: int) -> None:
    """Raise TokenError if an id lies outside [0, vocab_size)."""
    for begin in range(0, len(ids), CHUNK):
        chunk = ids[begin : begin + CHUNK]
        if chunk.min() >= 0 and chunk.max() < vocab_size:
            continue
        n = int(np.flatnonzero((chunk < 0) | (chunk >= vocab_size))[0])
        raise TokenError(
            f"token {begin + n} is {chunk[n]}; expected an id from 0 to {vocab_size - 1}. "
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
