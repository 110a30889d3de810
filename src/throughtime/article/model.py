"""The article's recurrent network: its parameters, its forward propagation and its loss.

    a_t = U[:, x_t] + W s_{t-1}          s_{-1} = 0
    s_t = tanh(a_t)
    o_t = softmax(V s_t)                 the article also writes y^_t
    E_t = -log o_t[y_t]
    E   = sum_t E_t                      a sum over the words of a sentence, not a mean

The article's slips in these equations: the brackets of tanh(U x_t + W s_{t-1}) are missing where it writes s_3, and it
calls two things z, the scores V s_t and the pre-activation U x_t + W s_{t-1}. Here the latter is a_t.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from throughtime.article.functions import Array, log_softmax, softmax, tanh

Words = Sequence[int] | NDArray[np.integer]


class RNN:
    """The article's network in float64.

    Every parameter starts uniform in +-1/sqrt(n), n being the number of connections that enter a unit: as `x_t` is
    one-hot over the vocabulary the series takes n = word_dim for U, and n = hidden_dim for V and W.

    Parameters
    ----------
    word_dim : int
        Number of words in the vocabulary.
    hidden_dim : int
        Number of hidden units.
    bptt_truncate : int or None
        The tau of `bptt`: each output reaches back over the lags 0..tau, which is tau + 1 steps. None: no truncation.
    seed : int, numpy.random.Generator or None
        Source of the starting values.

    Attributes
    ----------
    U : (hidden_dim, word_dim)
        From a word to the hidden state.
    V : (word_dim, hidden_dim)
        From the hidden state to the scores of the words.
    W : (hidden_dim, hidden_dim)
        From the previous hidden state to the hidden state.

    Raises
    ------
    ValueError
        If a size is below 1, or if `bptt_truncate` is negative (see `checked_truncation`).

    Examples
    --------
    >>> model = RNN(word_dim=8000, hidden_dim=100, seed=0)
    >>> loss = model.loss([0, 179, 341, 416], [179, 341, 416, 1])
    >>> round(loss / 4, 1), round(math.log(8000), 1)
    (9.0, 9.0)
    """

    def __init__(
        self,
        word_dim: int,
        hidden_dim: int = 100,
        bptt_truncate: int | None = 4,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        for name, size in (("word_dim", word_dim), ("hidden_dim", hidden_dim)):
            if size < 1:
                raise ValueError(f"{name} is {size}; expected at least 1. Give a positive size.")
        self.word_dim = word_dim
        self.hidden_dim = hidden_dim
        self.bptt_truncate = checked_truncation(bptt_truncate)

        random = np.random.default_rng(seed)
        edge_U, edge = 1.0 / math.sqrt(word_dim), 1.0 / math.sqrt(hidden_dim)
        self.U: Array = random.uniform(-edge_U, edge_U, (hidden_dim, word_dim))
        self.V: Array = random.uniform(-edge, edge, (word_dim, hidden_dim))
        self.W: Array = random.uniform(-edge, edge, (hidden_dim, hidden_dim))

    @property
    def parameters(self) -> dict[str, Array]:
        """The three arrays themselves by name: writing into one changes the model."""
        return {"U": self.U, "V": self.V, "W": self.W}

    def forward_propagation(self, x: Words) -> tuple[Array, Array]:
        """Read a sentence word by word.

        Parameters
        ----------
        x : (T,) ints
            The words' indices.

        Returns
        -------
        o : (T, word_dim)
            Row t: the probability of each word to come next.
        s : (T + 1, hidden_dim)
            Row t: the hidden state. The last row is never written and so stays zero: as NumPy reads the index -1
            from the end, `s[-1]` is the article's s_{-1} = 0.

        Raises
        ------
        ValueError, IndexError
            See `checked_words`.
        """
        s = self.states(x)
        return softmax(s[:-1] @ self.V.T), s  # o_t = softmax(V s_t)

    def states(self, x: Words) -> Array:
        """The hidden states alone, as `forward_propagation` returns them: (T + 1, hidden_dim)."""
        x = checked_words(x, self.word_dim)
        s = np.zeros((len(x) + 1, self.hidden_dim))
        for t in range(len(x)):
            # x_t is one-hot, so the product U x_t is column x_t of U
            s[t] = tanh(self.U[:, x[t]] + self.W @ s[t - 1])
        return s

    def losses(self, x: Words, y: Words) -> Array:
        """E_t = -log o_t[y_t] of each step: (T,), in nats.

        Raises
        ------
        ValueError, IndexError
            See `checked_pair`.
        """
        x, y = checked_pair(x, y, self.word_dim)
        log_o = log_softmax(self.states(x)[:-1] @ self.V.T)
        E: Array = -log_o[np.arange(len(y)), y]
        return E

    def loss(self, x: Words, y: Words) -> float:
        """E = sum_t E_t, in nats. Divided by T it is the loss per word, ln(word_dim) for a network that knows nothing."""
        return float(self.losses(x, y).sum())


def checked_words(words: ArrayLike, word_dim: int) -> NDArray[np.intp]:
    """The indices as an array, if every one of them names a word.

    A negative index is refused: NumPy would count it from the end and quietly read another word.

    Raises
    ------
    ValueError
        If there is no word, or if these are not whole numbers in one row.
    IndexError
        If an index is not in 0..word_dim-1.
    """
    found = np.asarray(words)
    if found.size == 0:
        raise ValueError("the sentence is empty; expected at least 1 word. Leave empty sentences out.")
    if found.ndim != 1:
        raise ValueError(f"the words have shape {found.shape}; expected (T,). Pass one sentence at a time.")
    if not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"the words are of type {found.dtype}; expected whole numbers. Pass the words' indices."
        )
    if found.min() < 0 or found.max() >= word_dim:
        wrong = found.min() if found.min() < 0 else found.max()
        raise IndexError(
            f"word index {wrong}; expected 0..{word_dim - 1}. Replace words outside the vocabulary by the unknown word."
        )
    return found.astype(np.intp)


def checked_pair(x: ArrayLike, y: ArrayLike, word_dim: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The words and those to be predicted, if there is one of these for each of those.

    Raises
    ------
    ValueError
        If the lengths differ, or as in `checked_words`.
    IndexError
        As in `checked_words`.
    """
    words, following = checked_words(x, word_dim), checked_words(y, word_dim)
    if len(words) != len(following):
        raise ValueError(
            f"x has {len(words)} words and y has {len(following)}; expected as many. y is x moved on by one word."
        )
    return words, following


def checked_truncation(tau: int | None) -> int | None:
    """Return tau, if it is a number of lags or None.

    In the article's printed code tau = -1 leaves the inner loop without a step: dU and dW come out zero, nothing is
    said, and only V learns. Theano's scan, in the series' second model, reads the same -1 as 'no truncation'.

    Raises
    ------
    ValueError
        If tau is negative or not a whole number.

    Examples
    --------
    >>> checked_truncation(-1)
    Traceback (most recent call last):
    ValueError: bptt_truncate is -1; expected 0 or more lags. Pass None for no truncation.
    """
    if tau is None:
        return None
    if isinstance(tau, bool) or not isinstance(tau, int | np.integer):
        raise ValueError(
            f"bptt_truncate is {tau!r}; expected a whole number of lags. Pass None for no truncation."
        )
    if tau < 0:
        raise ValueError(f"bptt_truncate is {tau}; expected 0 or more lags. Pass None for no truncation.")
    return int(tau)
