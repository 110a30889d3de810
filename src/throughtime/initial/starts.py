"""Starts with a name in the literature, each for one block of weights, in float64."""

import numpy as np

from throughtime.machine.arrays import Array

CONNECTIONS = 15  # of each unit, in Sutskever's and Pascanu's sparse start
RADIUS = 0.95


def xavier(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Uniform on +-sqrt(6 / (rows + columns)): variance 2 / (fan in + fan out), as much forward as back.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
    equation 16.

    Examples
    --------
    >>> bool(abs(xavier(np.random.default_rng(0), (2, 4))).max() < 1)
    True
    """
    bound = (6 / sum(shape)) ** 0.5
    return rng.uniform(-bound, bound, shape)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0) -> Array:
    """A matrix whose singular values are all `gain`: Q of a Gaussian's QR, with the signs that make it uniform.

    Where rows and columns differ in number, the fewer are orthonormal.

    References
    ----------
    A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR 2014, section 3; F. Mezzadri, "How to generate random matrices from the classical compact groups",
    2007, for the signs.

    Examples
    --------
    >>> W = orthogonal(np.random.default_rng(0), (3, 3))
    >>> bool(np.allclose(W @ W.T, np.eye(3)))
    True
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= gain * np.where(np.diag(r) < 0, -1.0, 1.0)
    tall: Array = q if rows >= columns else q.T
    return tall


def identity(shape: tuple[int, int], scale: float = 1.0) -> Array:
    """`scale` times the identity: each unit first keeps its own state. `shape` must be square.

    References
    ----------
    Q. Le, N. Jaitly and G. Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015.

    Examples
    --------
    >>> identity((2, 2), 0.5)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    return scale * np.eye(*shape)


def smart_tanh(rng: np.random.Generator, hidden_size: int) -> Array:
    """Sparse: each unit reads 15 others, with Gaussian weights that are scaled to a spectral radius of 0.95.

    `hidden_size` must be at least 15.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
    section 4.1, "smart tanh".

    Examples
    --------
    >>> W = smart_tanh(np.random.default_rng(0), 20)
    >>> round(float(abs(np.linalg.eigvals(W)).max()), 6)
    0.95
    """
    weights = np.zeros((hidden_size, hidden_size))
    others = rng.permuted(np.tile(np.arange(hidden_size), (hidden_size, 1)), axis=1)[:, :CONNECTIONS]
    np.put_along_axis(weights, others, rng.standard_normal(others.shape), axis=1)
    weights *= RADIUS / np.abs(np.linalg.eigvals(weights)).max()
    return weights


def chrono(rng: np.random.Generator, hidden_size: int, longest: float) -> Array:
    """Forget biases log U(1, longest - 1): memories that last from 1 to about `longest` steps, all alike likely.

    The input gate's biases are then their negatives.

    References
    ----------
    C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, equation 16.

    Examples
    --------
    >>> b_f = chrono(np.random.default_rng(0), 4, longest=100)
    >>> bool((b_f >= 0).all() and (b_f <= np.log(99)).all())
    True
    """
    return np.log(rng.uniform(1.0, longest - 1.0, hidden_size))
