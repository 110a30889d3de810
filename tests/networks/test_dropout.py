import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.networks.dropout import Dropout


def test_mask_drops_a_share_p_and_keeps_the_mean():
    mask = Dropout(0.3, np.random.default_rng(0)).mask((200, 100), "float32")
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {0, np.float32(1 / 0.7)}
    assert (mask == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert mask.mean() == pytest.approx(1, abs=0.02)


def test_masks_follow_the_generator():
    first, second = (Dropout(0.5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.mask((9,), "float64"), second.mask((9,), "float64"))
    assert (first.mask((99,), "float64") != first.mask((99,), "float64")).any()


def test_no_dropout_makes_no_mask_and_draws_nothing():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert Dropout(0, rng).mask((9,), "float32") is None
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan"), "half", None])
def test_probability_outside_its_range_is_refused(p):
    with pytest.raises(
        ArgumentError, match=r"dropout .* found; expected a probability .*\. Pass dropout=0 for none\.$"
    ):
        Dropout(p, np.random.default_rng(0))
