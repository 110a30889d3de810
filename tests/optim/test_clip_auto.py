"""The limit that follows the usual norm: what feeds it, what does not, and that it never sinks by itself."""

import json
import math
from typing import Any

import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.optim import ClipAuto, ClipResult


def of_norm(norm: float) -> dict[str, Array]:
    return {"weight": np.full((2, 2), norm / math.sqrt(5)), "bias": np.array([norm / math.sqrt(5)])}


def test_the_first_update_is_not_clipped_and_the_second_already_is() -> None:
    clip = ClipAuto(2)
    assert clip.theta is None
    assert not clip.apply(of_norm(3.0)).clipped
    assert clip.average == pytest.approx(3.0, rel=1e-14)
    assert clip.theta == pytest.approx(6.0, rel=1e-14)
    grads = of_norm(60.0)
    result = clip.apply(grads)
    assert result == ClipResult(pytest.approx(60.0), clipped=True)
    np.testing.assert_allclose(grads["weight"], of_norm(6.0)["weight"], rtol=1e-14)


def test_the_average_is_exponential_and_free_of_its_start() -> None:
    clip, norms = ClipAuto(10), np.linspace(1.0, 4.0, 300)
    for norm in norms:
        assert not clip.apply(of_norm(norm)).clipped
    weights = 0.99 ** np.arange(300)[::-1]
    assert clip.average == pytest.approx(float(norms @ weights / weights.sum()), rel=1e-12)


def test_a_spike_feeds_the_average_with_the_clipped_norm() -> None:
    clip = ClipAuto(3)
    for _ in range(500):
        clip.apply(of_norm(1.0))
    before = clip.average
    clip.apply(of_norm(1e6))
    assert before < clip.average < before * 1.03


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_changes_nothing(bad: float) -> None:
    clip = ClipAuto()
    clip.apply(of_norm(1.0))
    grads, state = of_norm(100.0), clip.state
    grads["bias"][0] = bad
    before = {name: grad.copy() for name, grad in grads.items()}
    result = clip.apply(grads)
    assert not result.clipped
    assert not math.isfinite(result.norm)
    assert clip.state == state
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, before[name])


def test_the_limit_follows_a_norm_that_grows_and_one_that_falls() -> None:
    clip = ClipAuto()
    for norm in [1.0] * 50 + [1000.0] * 3000:
        clip.apply(of_norm(norm))
    assert clip.average == pytest.approx(1000, rel=1e-6)
    for _ in range(3000):
        clip.apply(of_norm(0.01))
    assert clip.average == pytest.approx(0.01, rel=1e-3)


def test_the_limit_does_not_sink_by_its_own_clipping() -> None:
    # Heavy-tailed norms of mean 1.65: many are clipped, and still the average settles near their mean.
    clip, rng = ClipAuto(2), np.random.default_rng(0)
    clipped = sum(clip.apply(of_norm(norm)).clipped for norm in np.exp(rng.standard_normal(5000)))
    assert 250 < clipped < 2000
    assert 0.8 < clip.average < 1.7


def test_gradients_of_zero_are_left_and_end_no_training() -> None:
    clip = ClipAuto()
    for _ in range(3):
        assert clip.apply(of_norm(0.0)) == ClipResult(0.0, clipped=False)
    assert clip.theta is None
    assert not clip.apply(of_norm(5.0)).clipped
    assert clip.apply(of_norm(5.0)).clipped


def test_norms_at_the_end_of_the_range_have_no_limit() -> None:
    clip = ClipAuto()
    for _ in range(2):
        assert clip.apply(of_norm(1.5e308)) == ClipResult(pytest.approx(1.5e308), clipped=False)
    assert clip.theta is None


def test_a_state_goes_through_json_and_continues_with_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    norms = np.exp(rng.standard_normal(60)).tolist()
    whole, first, second = ClipAuto(1.5), ClipAuto(1.5), ClipAuto(1.5)
    expected = [whole.apply(of_norm(norm)) for norm in norms]
    found = [first.apply(of_norm(norm)) for norm in norms[:30]]
    second.load(json.loads(json.dumps(first.state)))
    found += [second.apply(of_norm(norm)) for norm in norms[30:]]
    assert found == expected
    assert second.state == whole.state


def test_a_state_of_another_clip_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"state for clip auto holds nothing; expected mean, updates"):
        ClipAuto().load({})


@pytest.mark.parametrize("multiple", [1, 0.5, 0, -2, math.inf, math.nan, None, "2"])
def test_a_multiple_that_is_not_above_one_is_refused(multiple: Any) -> None:
    with pytest.raises(ArgumentError, match="multiple is"):
        ClipAuto(multiple)


def test_a_clip_says_what_it_does() -> None:
    assert [str(ClipAuto()), str(ClipAuto(2)), str(ClipAuto(3.5))] == ["auto", "auto", "auto:3.5"]
