"""Text made by a model, token by token."""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from throughtime.data.joining import TextStream
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import DivergedError, TokenError
from throughtime.initial import generator
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.validation import require_count
from throughtime.networks.writer import Writer
from throughtime.sweeps.draw import NONE
from throughtime.training.evaluate import By, require_by, require_marks, require_tokenizer

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
        The prompt and what follows it. `<unk>`, sentence marks and other special tokens are never drawn.

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
    """The pieces of `generate`'s text as they are made, the prompt first."""
    require_by(by)
    require_tokenizer(model, tokenizer)
    require_marks(tokenizer, by)
    require_count("length", length)
    ids = tokenizer.encode(prompt)
    if tokenizer.unit == "char" and tokenizer.count_unknown(ids):
        raise TokenError(_unknown_characters(prompt, tokenizer))
    writer = Writer(model, len(ids) + length, generator(seed), temperature, top_k, top_p)
    return _pieces(writer, tokenizer, prompt, ids, length, by)


def _pieces(
    writer: Writer, tokenizer: Tokenizer, prompt: str, ids: Array, length: int, by: By
) -> Iterator[str]:
    by_sentence = by == "sentence"
    allowed = writer.allowed([token for token in tokenizer.special_ids if token != tokenizer.end_id])
    allowed_without_end = writer.allowed([*tokenizer.special_ids])
    text = TextStream(tokenizer)
    if prompt:
        yield prompt
    for token in ids:
        text.push(int(token))  # so that what follows is joined to the prompt as it should be
    if by_sentence:
        writer.read([tokenizer.start_id])
    elif not len(ids):
        writer.read([_beginning(tokenizer)])
    if len(ids):
        writer.read(ids)
    begun = len(ids) > 0
    made = 0
    while made < length:
        if not by_sentence:  # a stream has no sentence marks
            drawn = writer.write(min(writer.block, length - made), allowed_without_end)
        elif begun:
            drawn = writer.write(min(writer.block, length - made), allowed, stop=tokenizer.end_id)
        else:  # a sentence has at least one token
            drawn = writer.write(1, allowed_without_end)
        begun = True
        for token in drawn.tolist():
            if token == NONE:
                raise DivergedError(
                    "the model's logits are not finite; expected finite numbers. Its weights are unfit: train again, or take others."
                )
            piece = text.push(token)
            if token == tokenizer.end_id:
                writer.forget()
                writer.read([tokenizer.start_id])
                begun = False
                continue
            if made == 0 and prompt[-1:].isspace() and tokenizer.unit == "word":
                piece = piece.lstrip(" ")  # the prompt has brought its own
            yield piece
            made += 1
    rest = text.finish()
    if rest:
        yield rest


def _beginning(tokenizer: Tokenizer) -> int:
    """What a stream without a prompt reads first, unseen."""
    for text in _BEFORE_A_BEGINNING:
        with suppress(TokenError):
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
