"""Text made by a model, token by token."""

import math
import unicodedata
from collections.abc import Iterator

import numpy as np

from throughtime.data.joining import TextStream
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError, DivergedError, TokenError
from throughtime.initial import generator
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.layer import State
from throughtime.networks.validation import require_count
from throughtime.training.evaluate import By, require_by, require_tokenizer

# Without a prompt a stream is taken up where something is likely to begin: after the first of these that it knows.
_BEFORE_A_BEGINNING = ("\n", ".")


def generate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str = "",
    length: int = 200,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | np.random.Generator | None = None,
    by: By = "stream",
) -> str:
    """Let a model continue a text.

    Parameters
    ----------
    model : LanguageModel
    tokenizer : Tokenizer
        The model's own.
    prompt : str
        The text's beginning. Its characters must be in the vocabulary; a word that is not is read as `<unk>`, as in
        training. For bpe nothing is unknown.
    length : int
        How many tokens to add: characters, words, or for bpe pieces of words.
    temperature : float
        Divides the logits: below 1 the text is safer, above 1 wilder; 0 takes the likeliest token always.
    top_k : int, optional
        Draw from the k likeliest tokens.
    top_p : float, optional
        Draw from the likeliest tokens that together have at least this probability, 0 < top_p <= 1
        (Holtzman et al. 2020, nucleus sampling).
    seed : int, Generator or None
        None gives another text each time.
    by : "stream" or "sentence"
        As the model was trained. By sentence each one starts anew, on a line of its own.

    Returns
    -------
    str
        The prompt and what follows it. `<unk>` and sentence marks are never drawn.

    Raises
    ------
    ArgumentError
        A setting is out of range.
    TokenError
        The prompt has characters that are not in the vocabulary.

    Examples
    --------
    >>> import throughtime as tt
    >>> tokenizer = tt.Tokenizer.train("to be or not to be")
    >>> model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    >>> text = tt.generate(model, tokenizer, "to be", length=10, seed=0)
    >>> text[:5], len(text)
    ('to be', 15)
    """
    return "".join(stream(model, tokenizer, prompt, length, temperature, top_k, top_p, seed, by))


def stream(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str = "",
    length: int = 200,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | np.random.Generator | None = None,
    by: By = "stream",
) -> Iterator[str]:
    """The pieces of `generate`'s text as they are made, the prompt first; each costs the same time."""
    require_by(by)
    require_tokenizer(model, tokenizer)
    require_count("length", length)
    draw = Sampler(temperature, top_k, top_p, generator(seed))
    ids = tokenizer.encode(prompt)
    if tokenizer.unit == "char" and tokenizer.count_unknown(ids):
        raise TokenError(_unknown_characters(prompt, tokenizer))
    return _pieces(model, tokenizer, prompt, ids, length, draw, by)


class Sampler:
    """Draws a token from logits.

    Parameters
    ----------
    temperature, top_k, top_p
        As `generate` has them.
    rng : numpy.random.Generator
        Where the luck comes from.

    Raises
    ------
    ArgumentError
        A setting is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> Sampler(0.0, None, None, np.random.default_rng(0))(np.array([0.1, 2.0, -1.0]))
    1
    """

    def __init__(
        self, temperature: float, top_k: int | None, top_p: float | None, rng: np.random.Generator
    ) -> None:
        if not (0 <= temperature < math.inf):
            raise ArgumentError(
                f"temperature={temperature} found; expected a finite number of at least 0. "
                "Pass 1 for the model's own probabilities, 0 for the likeliest token."
            )
        if top_k is not None:
            require_count("top_k", top_k)
        if top_p is not None and not 0 < top_p <= 1:
            raise ArgumentError(
                f"top_p={top_p} found; expected a probability above 0 and at most 1. Leave it out for all tokens."
            )
        self.temperature, self.top_k, self.top_p, self.rng = temperature, top_k, top_p, rng

    def __call__(self, logits: Array) -> int:
        """An index into logits (V,), of which -inf is never drawn.

        Raises
        ------
        DivergedError
            A logit is NaN or +inf.
        """
        x = logits.astype(np.float64)
        top = x.max()
        if not math.isfinite(top):
            raise DivergedError(
                "the model's logits are not finite; expected finite numbers. Its weights are unfit: train again."
            )
        if self.temperature == 0:
            return int(x.argmax())
        with np.errstate(over="ignore"):  # a small temperature may take a logit to -inf: a probability of 0
            x = (x - top) / self.temperature
        order = np.argsort(-x, kind="stable")[: self.top_k]
        p = np.exp(x[order])
        cumulative = np.cumsum(p)
        if self.top_p is not None:
            kept = int(np.searchsorted(cumulative, self.top_p * cumulative[-1])) + 1
            order, cumulative = order[:kept], cumulative[:kept]
        drawn = int(np.searchsorted(cumulative, self.rng.random() * cumulative[-1], side="right"))
        return int(order[min(drawn, len(order) - 1)])


def _pieces(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    ids: Array,
    length: int,
    draw: Sampler,
    by: By,
) -> Iterator[str]:
    by_sentence = by == "sentence"
    forbidden = np.zeros(model.vocab_size, model.dtype)
    forbidden[[tokenizer.unknown_id, tokenizer.start_id]] = -np.inf
    end_forbidden = forbidden.copy()  # a stream has no sentence marks, and a sentence at least one token
    end_forbidden[tokenizer.end_id] = -np.inf
    text = TextStream(tokenizer)
    if prompt:
        yield prompt
    logits, state = _read(model, [tokenizer.start_id] if by_sentence else [], None)
    for token in ids:
        text.push(int(token))  # so that what follows is joined to the prompt as it should be
    if len(ids) or not by_sentence:
        logits, state = _read(model, ids if len(ids) else [_beginning(tokenizer)], state)
    begun = len(ids) > 0
    made = 0
    while made < length:
        token = draw(logits + (forbidden if by_sentence and begun else end_forbidden))
        if by_sentence and token == tokenizer.end_id:
            text.push(token)
            begun = False
            logits, state = _read(model, [tokenizer.start_id], None)
            continue
        piece = text.push(token)
        if made == 0 and prompt[-1:].isspace() and tokenizer.unit == "word":
            piece = piece.lstrip(" ")  # the prompt has brought its own
        yield piece
        begun = True
        made += 1
        logits, state = _read(model, [token], state)
    rest = text.finish()
    if rest:
        yield rest


def _read(model: LanguageModel, ids: "Array | list[int]", state: State | None) -> tuple[Array, State | None]:
    """Logits (V,) after these tokens, and the state."""
    logits = np.empty(0)
    for token in ids:
        outputs, state = model.step(np.array([token]), state)
        logits = outputs[0]
    return logits, state


def _beginning(tokenizer: Tokenizer) -> int:
    """What a stream without a prompt reads first, unseen."""
    for text in _BEFORE_A_BEGINNING:
        ids = tokenizer.encode(text)
        if len(ids) == 1 and not tokenizer.count_unknown(ids):
            return int(ids[0])
    return len(tokenizer.tokens) - 1


def _unknown_characters(prompt: str, tokenizer: Tokenizer) -> str:
    known = set(tokenizer.tokens)
    unknown = list(dict.fromkeys(c for c in unicodedata.normalize("NFC", prompt) if c not in known))
    shown = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    return (
        f"the prompt has {shown}, which the model has never seen; expected characters of its training text. "
        "Leave them out, or train on a text that has them."
    )
