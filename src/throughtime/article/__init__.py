"""The article as code: a recurrent language model trained by backpropagation through time.

Plain NumPy in float64, in the article's own symbols, meant to be read beside it; nothing here is made to be fast, and
nothing here imports the rest of the package. What is fast elsewhere is held against this.

    x_t, y_t   the word read at step t, and the one to be predicted (indices; one-hot in the equations)
    U, V, W    word to state, state to scores, state to state
    s_t        hidden state; s_{-1} = 0
    o_t        probabilities of the next word, the article's y^_t
    E_t, E     loss of one step, and its sum over a sentence, in nats
    e_{t,k}    dE_t/da_k, with a_k = U[:, x_k] + W s_{k-1}
    tau        `bptt_truncate`, the largest lag t - k

The article: 'Tìm hiểu về giải thuật BPTT và vấn đề mất mát đạo hàm' (D. M. Hai, 2017), a translation of 'Recurrent Neural
Networks Tutorial, Part 3: Backpropagation Through Time and Vanishing Gradients' (D. Britz, 2015).
"""

from throughtime.article.bptt import Gradients, bptt, bptt_last_steps
from throughtime.article.check import (
    gradient_check,
    last_steps_loss,
    numerical_gradient,
    relative_error,
    windowed_loss,
)
from throughtime.article.fading import jacobian, profile, state_gradient_norms
from throughtime.article.functions import sigmoid, sigmoid_derivative, softmax, tanh, tanh_derivative
from throughtime.article.generate import generate_sentence
from throughtime.article.model import RNN
from throughtime.article.train import sgd_step

__all__ = [
    "RNN",
    "Gradients",
    "bptt",
    "bptt_last_steps",
    "generate_sentence",
    "gradient_check",
    "jacobian",
    "last_steps_loss",
    "numerical_gradient",
    "profile",
    "relative_error",
    "sgd_step",
    "sigmoid",
    "sigmoid_derivative",
    "softmax",
    "state_gradient_norms",
    "tanh",
    "tanh_derivative",
    "windowed_loss",
]
