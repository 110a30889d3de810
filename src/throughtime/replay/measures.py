"""The numbers of each chapter: dataclasses of plain Python values, ready for JSON."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from throughtime.article import (
    RNN,
    Gradients,
    bptt,
    bptt_last_steps,
    generate_sentence,
    gradient_check,
    profile,
    relative_error,
    sgd_step,
    sigmoid,
    sigmoid_derivative,
    state_gradient_norms,
    tanh,
    tanh_derivative,
)
from throughtime.article.functions import Array
from throughtime.replay.engine import Engine
from throughtime.replay.setting import Setting

TAU = 4  # the series' own bptt_truncate, and its truncate_gradient
ENTRIES = 24  # of each parameter, to be held against finite differences
DIFFERENCE = (
    1e-4  # their step: near its start the network is so nearly linear that the larger step rounds less
)


@dataclass(frozen=True)
class Step:
    """The first units of one step of forward propagation."""

    t: int
    Ux: list[float]
    Ws: list[float]
    s: list[float]


@dataclass(frozen=True)
class Forward:
    """Forward propagation and the loss, on the sentence."""

    words: list[str]
    first_steps: list[Step]
    probabilities: list[float]  # o_t[y_t]
    losses: list[float]  # E_t, nats
    loss: float  # E, nats
    loss_per_word: float
    ln_V: float


def forward(setting: Setting, units: int = 4) -> Forward:
    """Forward propagation of the chosen sentence, with the first `units` hidden units of its first two steps."""
    model, x, y, T = setting.network(), setting.x, setting.y, setting.T
    o, s = model.forward_propagation(x)
    steps = [
        Step(t, model.U[:units, x[t]].tolist(), (model.W @ s[t - 1])[:units].tolist(), s[t, :units].tolist())
        for t in range(min(2, T))
    ]
    losses = model.losses(x, y).tolist()
    probabilities = o[np.arange(T), y].tolist()
    loss = model.loss(x, y)
    return Forward(setting.words, steps, probabilities, losses, loss, loss / T, math.log(setting.V))


@dataclass(frozen=True)
class Comparison:
    """One gradient, at one truncation, three ways."""

    tau: int | None  # None: whole
    norm: float
    engine: float  # relative difference between the article's loop and the engine
    differences: float  # relative difference between the article's loop and finite differences


@dataclass(frozen=True)
class ThreeWays:
    """The gradients by the article's loop, by the engine, and by finite differences."""

    entries: int
    comparisons: dict[str, list[Comparison]]  # by parameter
    article_ms: float
    engine_ms: float


def three_ways(setting: Setting) -> ThreeWays:
    """Compare the gradients of the chosen sentence, whole and truncated after 4 lags."""
    x, y = setting.x, setting.y
    engine = Engine(setting.network())
    comparisons: dict[str, list[Comparison]] = {"U": [], "V": [], "W": []}
    for tau in (None, TAU):
        network = setting.network(tau)
        ours, theirs = bptt(network, x, y), engine.gradients(x, y, tau)
        checked = gradient_check(network, x, y, gradients=ours, entries=ENTRIES, h=DIFFERENCE, tolerance=1e-5)
        for (name, gradient), (_, other) in zip(ours.items(), theirs.items(), strict=True):
            norm = float(np.linalg.norm(gradient))
            comparisons[name].append(Comparison(tau, norm, relative_error(other, gradient), checked[name]))
    network = setting.network(TAU)
    article_ms = _milliseconds(lambda: bptt(network, x, y))
    engine_ms = _milliseconds(lambda: engine.gradients(x, y, TAU))
    return ThreeWays(ENTRIES, comparisons, article_ms, engine_ms)


@dataclass(frozen=True)
class LeftOut:
    """What truncation leaves out of the gradients."""

    taus: list[int]
    U: list[float]  # ||dU_tau - dU|| / ||dU||
    W: list[float]


def left_out(setting: Setting) -> LeftOut:
    """Truncate the chosen sentence's gradients after 0, 1, 2, 4, 8, ... lags, up to all of them."""
    x, y, last = setting.x, setting.y, setting.T - 1
    taus = sorted({0, *(2**n for n in range(10) if 2**n < last), last})
    whole = bptt(setting.network(), x, y)
    truncated = [bptt(setting.network(tau), x, y) for tau in taus]
    return LeftOut(
        taus,
        [_distance(d.U, whole.U) for d in truncated],
        [_distance(d.W, whole.W) for d in truncated],
    )


@dataclass(frozen=True)
class Fading:
    """phi_l / phi_0 for each lag l: phi_l is the mean of ||dE_t/ds_{t-l}|| over the steps t that have the lag."""

    sentences: int
    lags: list[int]
    usual: list[float]  # the series' start
    saturated: list[float]  # U uniform in +-2: tanh bends
    enlarged: list[float]  # W three times as large
    usual_factor: float  # per lag, by least squares on the logarithms
    saturated_factor: float
    enlarged_factor: float
    expected_factor: float  # 1/sqrt(3): W's entries are uniform in +-1/sqrt(H)
    saturated_share: float  # of the states of the network with the larger U: |s| > 0.9


SATURATING = 2.0  # the larger U is uniform in +-2, so that tanh bends
ENLARGING = 3.0  # the larger W, in times the usual one


def fading(setting: Setting, sentences: int = 20, max_lag: int = 20) -> Fading:
    """Measure how fast dE_t/ds_k fades with t - k, at the usual start and in two networks made otherwise."""
    pairs = setting.long_sentences(sentences)
    usual, saturated, enlarged = setting.network(), setting.network(), setting.network()
    saturated.U *= SATURATING * math.sqrt(setting.V)
    enlarged.W *= ENLARGING
    curves = [_mean_profile(model, pairs, max_lag) for model in (usual, saturated, enlarged)]
    states = np.concatenate([saturated.states(x)[:-1] for x, _ in pairs])
    return Fading(
        sentences=len(pairs),
        lags=list(range(len(curves[0]))),
        usual=curves[0].tolist(),
        saturated=curves[1].tolist(),
        enlarged=curves[2].tolist(),
        usual_factor=factor_per_lag(curves[0]),
        saturated_factor=factor_per_lag(curves[1]),
        enlarged_factor=factor_per_lag(curves[2]),
        expected_factor=1 / math.sqrt(3),
        saturated_share=float((np.abs(states) > 0.9).mean()),
    )


def factor_per_lag(curve: Array) -> float:
    """The factor of the geometric sequence nearest to a curve, by least squares on the logarithms.

    >>> round(factor_per_lag(np.array([8.0, 4.0, 2.0, 1.0])), 12)
    0.5
    """
    return float(np.exp(np.polyfit(np.arange(len(curve)), np.log(curve), 1)[0]))


@dataclass(frozen=True)
class Activations:
    """The article's figure: tanh and sigmoid with their derivatives."""

    a: list[float]
    tanh: list[float]
    tanh_derivative: list[float]
    sigmoid: list[float]
    sigmoid_derivative: list[float]


def activations(points: int = 29, edge: float = 6.0) -> Activations:
    """The activations at evenly spaced points of [-edge, edge]."""
    a = np.linspace(-edge, edge, points)
    curves = (function(a).tolist() for function in (tanh, tanh_derivative, sigmoid, sigmoid_derivative))
    return Activations(a.tolist(), *curves)


@dataclass(frozen=True)
class TwoTruncations:
    """The series' two truncations of one gradient, each against the whole one and against the other."""

    tau: int
    losses_kept: list[int]  # of T: by the article's loop, by scan
    paths_kept: list[int]  # pairs (t, k), k <= t
    paths: int
    article: dict[str, float]  # ||d - whole|| / ||whole|| by parameter
    scan: dict[str, float]
    between: dict[str, float]  # ||scan - article|| / ||whole||


def two_truncations(setting: Setting) -> TwoTruncations:
    """Truncate the chosen sentence as the series' first model does, and as its second does."""
    x, y, T = setting.x, setting.y, setting.T
    whole = dict(bptt(setting.network(), x, y).items())
    article = dict(bptt(setting.network(TAU), x, y).items())
    scan = dict(bptt_last_steps(setting.network(), x, y, TAU).items())
    steps = min(TAU, T)
    return TwoTruncations(
        TAU,
        [T, steps],
        [sum(min(t, TAU) + 1 for t in range(T)), steps * (steps + 1) // 2],
        T * (T + 1) // 2,
        {name: _distance(article[name], whole[name]) for name in whole},
        {name: _distance(scan[name], whole[name]) for name in whole},
        {
            name: float(np.linalg.norm(scan[name] - article[name]) / np.linalg.norm(whole[name]))
            for name in whole
        },
    )


@dataclass(frozen=True)
class Training:
    """A short run of the series' SGD: a sentence a step."""

    steps: int
    learning_rate: float
    losses: list[float]  # per word, each sentence before its own step, the mean over `group` sentences
    group: int
    start: float  # the loss per word of the first sentence, before any step
    written: list[str]  # sentences by the trained network
    seconds: float


def training(setting: Setting, steps: int = 640, group: int = 20, learning_rate: float = 0.005) -> Training:
    """Train the article's network on sentences in the text's order, again from the first if they run out."""
    begin = time.perf_counter()
    model, of = setting.network(TAU), setting.tokenizer
    losses, words = np.zeros(steps), np.zeros(steps)
    for step in range(steps):
        x, y = setting.sentences[step % len(setting.sentences)]
        losses[step], words[step] = model.loss(x, y), len(x)
        sgd_step(model, x, y, learning_rate)
    ends = range(0, steps, group)
    means = [float(losses[i : i + group].sum() / words[i : i + group].sum()) for i in ends]
    random = np.random.default_rng(setting.seed)
    written = [
        generate_sentence(model, of.start_id, of.end_id, of.unknown_id, longest=20, seed=random)
        for _ in range(3)
    ]
    # a sentence's start, which an untrained network may well write, breaks the line
    spelled = [" ".join(of.decode(words).split()) for words in written]
    seconds = time.perf_counter() - begin
    start = float(losses[0] / words[0])
    return Training(steps, learning_rate, means, group, start, spelled, seconds)


def _distance(found: Array, whole: Array) -> float:
    """||found - whole|| / ||whole||; 0 where both are zero, as dW is for a sentence of one step."""
    difference = float(np.linalg.norm(found - whole))
    return difference / float(np.linalg.norm(whole)) if difference else 0.0


def _mean_profile(model: RNN, pairs: list[tuple[list[int], list[int]]], max_lag: int) -> Array:
    """phi_l / phi_0 over all steps of some sentences."""
    longest = min(max_lag + 1, max(len(x) for x, _ in pairs))
    rows = []
    for x, y in pairs:
        norms = state_gradient_norms(model, x, y)[:, :longest]
        rows.append(np.pad(norms, ((0, 0), (0, longest - norms.shape[1])), constant_values=np.nan))
    phi = profile(np.concatenate(rows))
    relative: Array = phi / phi[0]
    return relative


def _milliseconds(work: Callable[[], Gradients], times: int = 7) -> float:
    """The quickest of a few runs, after one that may have had to compile."""
    work()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return 1e3 * min(seconds)
