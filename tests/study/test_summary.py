"""What trials that differ in the seed alone have found together."""

from tests.study.results import found, result

from throughtime.study.summary import Horizons, groups_of


def test_groups_gather_the_seeds_of_one_way_task_and_length():
    capped = result("steps", steps=50_000)
    trials = [
        *found("sgd", 20, result(steps=1000), result(steps=2000), capped),
        *found("sgd", (30, 40), result("diverged"), result("time")),
        *found("sgd", 20, result(), task="adding"),
        *found("clipped", 20, result()),
    ]
    groups = groups_of(trials)
    assert [(each.way, each.subject, each.span, len(each.results)) for each in groups] == [
        ("sgd", "temporal-order", 20, 3),
        ("sgd", "temporal-order", (30, 40), 2),
        ("sgd", "adding", 20, 1),
        ("clipped", "temporal-order", 20, 1),
    ]
    first, second, *_ = groups
    assert (first.successes, first.capped, first.diverged) == (2, 1, 0)
    assert first.steps_to_success == 1500  # a cap is no success, late or not
    assert (second.successes, second.capped, second.diverged) == (0, 1, 1)
    assert second.steps_to_success is None
    assert first.seconds == 2.0


def test_horizons_are_at_least_so_long_where_what_the_median_rests_on_is():
    assert Horizons.of([]) == Horizons.of([(None, False)]) == Horizons(None, False)
    assert Horizons.of([(5, False), (3, False), (9, True)]) == Horizons(5, False)
    assert Horizons.of([(5, True), (3, False), (9, False)]) == Horizons(5, True)
    # In place of a lower one that is censored a higher could stand: the median is a lower bound.
    assert Horizons.of([(5, False), (3, True), (9, False)]).censored
    assert Horizons.of([(4, False), (6, True), (None, False)]) == Horizons(5, True)
