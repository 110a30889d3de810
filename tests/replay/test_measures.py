"""The numbers of the chapters: each claim that the page makes is held here on its own."""

import math

import numpy as np
import pytest

from throughtime.article import gradient_check
from throughtime.data.corpus import builtin
from throughtime.replay import measures
from throughtime.replay.setting import Setting, prepare
from throughtime.replay.slips import quirks, slips


@pytest.fixture(scope="module")
def setting() -> Setting:
    """A part of the built-in corpus with the series' number of hidden units."""
    return prepare(builtin().text[:60_000], vocab_size=800, hidden_size=100, seed=0)


@pytest.fixture(scope="module")
def brief() -> Setting:
    return prepare("Hello", vocab_size=10, hidden_size=3, seed=0)


def test_forward_is_the_article_s(setting: Setting) -> None:
    found = measures.forward(setting)
    for step in found.first_steps:
        np.testing.assert_allclose(np.tanh(np.add(step.Ux, step.Ws)), step.s, rtol=1e-13)
    assert found.loss == pytest.approx(-sum(map(math.log, found.probabilities)), rel=1e-13)
    assert found.loss_per_word * setting.T == pytest.approx(sum(found.losses), rel=1e-13)
    assert found.loss_per_word == pytest.approx(math.log(setting.V), abs=0.02)


def test_three_ways_agree_and_stand_for_different_gradients(setting: Setting) -> None:
    found = measures.three_ways(setting)
    for name, (whole, truncated) in found.comparisons.items():
        assert (whole.tau, truncated.tau) == (None, 4)
        assert max(whole.engine, truncated.engine) < 1e-10
        assert 0 < max(whole.differences, truncated.differences) < 1e-6
        assert (whole.norm == pytest.approx(truncated.norm, rel=1e-12)) == (name == "V")
    assert found.article_ms > 0 < found.engine_ms


def test_three_ways_see_an_engine_that_truncates_elsewhere(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = measures.Engine.gradients
    monkeypatch.setattr(measures.Engine, "gradients", lambda engine, x, y, tau: right(engine, x, y, 3))
    found = measures.three_ways(setting)
    assert found.comparisons["V"][0].engine < 1e-10
    assert all(comparison.engine > 1e-4 for name in "UW" for comparison in found.comparisons[name])


def test_less_is_left_out_the_further_the_truncation_reaches(setting: Setting) -> None:
    found = measures.left_out(setting)
    assert found.taus[:4] == [0, 1, 2, 4]
    assert found.taus[-1] == setting.T - 1
    for shares in (found.U, found.W):
        assert shares == sorted(shares, reverse=True)
        assert shares[0] > 0.3
        assert shares[-1] == 0.0


def test_fading_is_near_one_over_root_three_at_the_usual_start(setting: Setting) -> None:
    found = measures.fading(setting, sentences=5)
    assert found.usual_factor == pytest.approx(1 / math.sqrt(3), rel=0.06)
    assert found.saturated_factor < 0.8 * found.usual_factor
    assert found.saturated_share > 0.1
    assert found.enlarged_factor > 1
    assert found.lags == list(range(len(found.usual)))
    assert found.usual[0] == found.saturated[0] == found.enlarged[0] == 1


def test_two_truncations_are_what_the_triangles_show(setting: Setting) -> None:
    found, T = measures.two_truncations(setting), setting.T
    assert found.paths_kept[0] == sum(t - k <= 4 for t in range(T) for k in range(t + 1))
    assert found.paths_kept[1] == sum(k >= T - 4 for t in range(T) for k in range(t + 1))
    assert found.article["V"] == 0.0
    assert found.scan["V"] > 0.5
    assert found.article["W"] < found.scan["W"]
    assert found.between["W"] <= found.article["W"] + found.scan["W"]


def test_two_truncations_agree_on_a_sentence_that_scan_keeps_whole(brief: Setting) -> None:
    found = measures.two_truncations(brief)
    assert max(found.between.values()) < 1e-14
    assert found.losses_kept == [2, 2]
    assert found.paths_kept == [found.paths] * 2


def test_training_falls_from_the_logarithm_of_the_vocabulary(setting: Setting) -> None:
    found = measures.training(setting, steps=300, group=75)
    assert len(found.losses) == 4
    assert found.start == pytest.approx(math.log(setting.V), abs=0.05)
    assert found.losses[-1] < found.losses[0] - 0.3
    assert len(found.written) == 3
    assert not any("<unk>" in sentence or "\n" in sentence for sentence in found.written)


def test_training_goes_round_a_text_that_is_shorter(brief: Setting) -> None:
    found = measures.training(brief, steps=50, group=20)
    assert len(found.losses) == 3
    assert found.losses[-1] < found.start


def test_slips_tell_right_from_wrong(setting: Setting) -> None:
    found = slips(setting)
    assert found.t == 3
    assert found.right_error < 1e-6
    assert found.one_term_error > 0.1
    assert found.total_error > 0.1
    assert found.jacobian_error < 1e-8
    assert found.brackets_usual < 1e-2 < 0.5 < found.brackets_large
    assert 1 < found.jacobian_norm <= found.W_norm
    assert found.W_radius < 1
    assert found.jacobian_norm_enlarged > 2
    assert found.explosion_norm > 1e15
    assert found.explosion_nans == 0
    assert found.loss_after == pytest.approx(found.loss_before, abs=1)


def test_quirks_are_those_of_the_printed_code(setting: Setting) -> None:
    found = quirks(setting)
    assert found.overwritten_sum == pytest.approx(0, abs=1e-12)
    assert found.minus_one_steps == 0
    assert found.minus_one_error.startswith("bptt_truncate is -1; expected")
    # the printed loop multiplies once a step, of which the last is for nothing
    assert found.products - found.wasted == sum(min(t, 4) for t in range(setting.T))
    assert found.repeated_words >= 1
    assert found.duplicates_error > 0.1


def test_slips_and_quirks_of_the_shortest_sentence(brief: Setting) -> None:
    assert slips(brief).t == 1
    assert slips(brief).right_error < 1e-6
    assert quirks(brief).duplicates_error == 0.0


def test_duplicates_error_is_against_the_right_gradient(setting: Setting) -> None:
    """What `quirks` calls right is what the article's own check lets pass."""
    gradient_check(setting.network(), setting.x, setting.y, entries=12, h=1e-4)
