"""A token drawn against its definition, and against the probabilities that it should have."""

import numpy as np
import pytest
from tests.sweeps.definition import drawn

from throughtime.sweeps.draw import NONE, draw

INF, NAN = np.inf, np.nan


def one(logits, luck=0.5, temperature=1.0, top_k=None, top_p=None, dtype=np.float64):
    """What the compiled draw takes."""
    V = len(logits)
    return int(
        draw(
            np.array(logits, dtype),
            float(temperature),
            min(top_k or V, V),
            float(top_p or 1),
            luck,
            np.full(V, NAN),
            np.full(V, -9, np.intp),
        )
    )


def shares(logits, n=1000, **settings):
    """How often each token is drawn, by n numbers evenly spaced on [0, 1)."""
    found = [one(logits, (i + 0.5) / n, **settings) for i in range(n)]
    return np.bincount(found, minlength=len(logits)) / n


@pytest.mark.parametrize("temperature", [0, 1e-3, 0.5, 1, 3])
@pytest.mark.parametrize("top_k", [None, 1, 3, 7, 50])
@pytest.mark.parametrize("top_p", [None, 0.01, 0.5, 0.9, 0.999])
def test_draw_is_its_definition(temperature, top_k, top_p):
    rng = np.random.default_rng(0)
    for V in (1, 2, 7, 19):
        logits, luck = 2 * rng.standard_normal(V), rng.random()
        settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        assert one(logits, luck, **settings) == drawn(logits, luck, **settings)


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.6}, {"top_k": 5, "top_p": 0.7}], ids=str)
def test_draw_of_equals_takes_the_first(settings):
    logits = [1.0, 2.0, 1.0, 2.0, 2.0, 1.0, 2.0]
    for luck in np.linspace(0, 1, 23, endpoint=False):
        assert one(logits, luck, **settings) == drawn(logits, luck, **settings)
    assert one(logits, temperature=0) == 1
    assert one(logits, 0.999, top_k=1) == 1


def test_draw_gives_each_token_its_probability():
    p = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(shares(np.log(p)), p, atol=1e-3)
    np.testing.assert_allclose(shares(np.log(p), temperature=0.5), p**2 / (p**2).sum(), atol=2e-3)
    np.testing.assert_allclose(shares(np.log(p), dtype=np.float32), p, atol=1e-3)


def test_draw_takes_the_k_likeliest():
    np.testing.assert_allclose(shares(np.log([0.5, 0.1, 0.4]), top_k=2), [5 / 9, 0, 4 / 9], atol=2e-3)


def test_draw_takes_the_nucleus():
    logits = np.log([0.5, 0.15, 0.35])
    assert shares(logits, 50, top_p=0.499).tolist() == [1, 0, 0]
    assert shares(logits, top_p=0.51)[1] == 0
    assert shares(logits, top_p=0.86).min() > 0
    np.testing.assert_allclose(shares(logits, top_p=1.0), [0.5, 0.15, 0.35], atol=1e-3)


def test_draw_measures_the_nucleus_within_the_k_likeliest():
    # Of all, the two likeliest have 0.7; of the three likeliest, more than 0.75 of their probability.
    logits = np.log([0.1, 0.4, 0.2, 0.3])
    assert (shares(logits, top_p=0.75) > 0).tolist() == [False, True, True, True]
    assert (shares(logits, top_k=3, top_p=0.75) > 0).tolist() == [False, True, False, True]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-300, 1e-3, 0])
def test_draw_at_hardly_any_temperature_takes_the_likeliest(temperature, dtype):
    assert shares([0.1, 0.3, 0.2], 20, temperature=temperature, dtype=dtype).tolist() == [0, 1, 0]


@pytest.mark.parametrize("settings", [{}, {"top_k": 2}, {"top_p": 0.99}, {"temperature": 0}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draw_never_takes_what_is_impossible(settings, dtype):
    for luck in (0.0, 0.5, 1 - 2**-53):
        assert one([-INF, 0.0, -INF, -INF], luck, dtype=dtype, **settings) == 1


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("bad", [[NAN, 0], [0, NAN], [5, NAN, 0], [0, INF], [INF, INF], [-INF, -INF], [NAN, INF]], ids=str)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draw_takes_none_of_logits_that_are_not_finite(bad, temperature, dtype):
    assert one(bad, temperature=temperature, dtype=dtype) == NONE


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7}, {"top_k": 6}, {"top_p": 0.8}], ids=str)
def test_draw_s_frequencies_are_the_softmax_s(settings):
    from scipy.stats import chisquare

    rng = np.random.default_rng(5)
    logits = rng.standard_normal(12)
    found = np.bincount(
        [one(logits, u, dtype=np.float32, **settings) for u in rng.random(20000)], minlength=12
    )
    p = np.exp(logits / settings.get("temperature", 1))
    order = np.argsort(-p)
    if "top_p" in settings:
        order = order[: np.searchsorted(np.cumsum(p[order]), 0.8 * p.sum()) + 1]
    kept = order[: settings.get("top_k")]
    assert found[kept].sum() == 20000
    assert chisquare(found[kept], 20000 * p[kept] / p[kept].sum()).pvalue > 0.01
