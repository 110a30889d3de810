import numpy as np
import pytest

from throughtime.errors import ArgumentError
from throughtime.initial import generator, normal, uniform


def test_generator_of_an_int_repeats_and_a_generator_is_itself():
    assert generator(3).random() == generator(np.int64(3)).random()
    assert generator(None).random() != generator(None).random()
    rng = np.random.default_rng(0)
    assert generator(rng) is rng


@pytest.mark.parametrize("seed", [-1, 1.5, "one", True])
def test_seed_of_another_kind_is_refused(seed):
    with pytest.raises(ArgumentError, match=r"seed .* found; expected an int of at least 0.*\. Pass seed=0"):
        generator(seed)


def test_uniform_fills_its_bounds():
    values = uniform(generator(0), (100, 100), 0.25, "float32")
    assert values.dtype == np.float32
    assert 0.249 < values.max() <= 0.25
    assert -0.25 <= values.min() < -0.249
    assert values.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.02)


def test_normal_has_its_standard_deviation():
    values = normal(generator(0), (100, 100), 0.25, "float64")
    assert values.dtype == np.float64
    assert values.std() == pytest.approx(0.25, rel=0.02)
    assert abs(values.mean()) < 0.01
