"""One step of stochastic gradient descent: a sentence is an example.

    w = w - learning_rate * dE/dw          for w in U, V, W

The rate times the gradient of the sum E, truncated as the model is.
"""

from throughtime.article.bptt import bptt
from throughtime.article.model import RNN, Words


def sgd_step(model: RNN, x: Words, y: Words, learning_rate: float = 0.005) -> None:
    """Move U, V and W, in place, one step against the gradient of the sentence's loss.

    Parameters
    ----------
    model : RNN
        Truncated at its own `bptt_truncate`.
    x, y : (T,) ints
        The words, and for each the word that follows it.
    learning_rate : float
        Applies to the sum over the words, so that long sentences take longer steps. 0.005 is the series' own.

    Raises
    ------
    ValueError, IndexError
        If the learning rate is not positive, or as in `bptt`.

    Examples
    --------
    >>> model = RNN(word_dim=10, hidden_dim=4, seed=0)
    >>> x, y = [0, 4, 7], [4, 7, 1]
    >>> before = model.loss(x, y)
    >>> sgd_step(model, x, y, learning_rate=0.05)
    >>> model.loss(x, y) < before
    True
    """
    if not learning_rate > 0.0:
        raise ValueError(
            f"learning_rate is {learning_rate}; expected a positive number. The series takes 0.005."
        )
    gradients = bptt(model, x, y)
    for name, gradient in gradients.items():
        model.parameters[name][...] -= learning_rate * gradient
