import numpy as np

from throughtime.training.norm_watch import NormWatch


def test_a_norm_watch_goes_on_where_another_was():
    watch, other = NormWatch(factor=10, window=6, least=4), NormWatch(factor=10, window=6, least=4)
    norms = np.random.default_rng(0).random(30)
    for norm in norms[:4]:
        watch.add(norm)
    other.add(1e9)
    other.load(watch.state)
    for norm in norms[4:]:
        assert other.usual == watch.usual
        watch.add(norm)
        other.add(norm)
    assert watch.usual == np.median(norms[-6:])


def test_a_norm_watch_tells_nothing_before_it_has_seen_enough():
    watch = NormWatch(factor=10, window=6, least=4)
    for norm in (1.0, 1.0, 1.0):
        watch.add(norm)
    assert watch.usual is None
    assert not watch.jumped(1e6)
    assert watch.jumped(np.nan)
    watch.add(1.0)
    assert watch.jumped(10.1)
    assert not watch.jumped(10.0)


def test_a_norm_that_stays_high_becomes_usual():
    watch = NormWatch(factor=10, window=6, least=4)
    for norm in [1.0] * 6 + [50.0] * 4:
        watch.add(norm)
    assert not watch.jumped(50.0)
