"""Sentences from the network: draw a word from o_t, read it as x_{t+1}, and so on until the sentence ends."""

import numpy as np

from throughtime.article.functions import softmax, tanh
from throughtime.article.model import RNN, checked_words


def generate_sentence(
    model: RNN,
    start: int,
    end: int,
    unknown: int | None = None,
    longest: int = 50,
    seed: int | np.random.Generator | None = None,
) -> list[int]:
    """Write one sentence, word by word.

        s_t = tanh(U[:, x_t] + W s_{t-1}),   o_t = softmax(V s_t),   x_{t+1} drawn from o_t

    The printed code runs the whole sentence again from its beginning for each new word; here the state is
    carried, which is the same at a cost per word that does not grow. The unknown word is given probability zero
    and the rest is scaled up: the same as to draw again until another word comes, without the risk of drawing long.

    Parameters
    ----------
    model : RNN
    start, end : int
        The words that open and close a sentence.
    unknown : int, optional
        A word never to be written.
    longest : int
        Most words to write.
    seed : int, numpy.random.Generator or None

    Returns
    -------
    words : list of int
        Without `start` and `end`; at most `longest`.

    Raises
    ------
    ValueError, IndexError
        If `longest` is below 1, if start, end or unknown is no word, or if end is the unknown word.

    Examples
    --------
    >>> model = RNN(word_dim=10, hidden_dim=4, seed=0)
    >>> words = generate_sentence(model, start=0, end=1, unknown=2, longest=20, seed=0)
    >>> len(words) <= 20 and not {1, 2} & set(words)
    True
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}; expected at least 1 word. Give a positive length.")
    checked_words([start, end] if unknown is None else [start, end, unknown], model.word_dim)
    if end == unknown:
        raise ValueError(f"end and unknown are both {end}; expected two words. No sentence could ever end.")
    random = np.random.default_rng(seed)
    words: list[int] = []
    word, s = start, np.zeros(model.hidden_dim)
    while len(words) < longest:
        s = tanh(model.U[:, word] + model.W @ s)
        z = model.V @ s
        if unknown is not None:
            z[unknown] = -np.inf
        word = int(random.choice(model.word_dim, p=softmax(z)))
        if word == end:
            break
        words.append(word)
    return words
